/** Reads the alert rules and the dashboard from their files, and finds the metrics that they name. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const DEPLOY = join(__dirname, '..', '..', 'deploy');

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}

export function alertRules(): AlertRule[] {
  const text = readFileSync(join(DEPLOY, 'prometheus', 'alerts.yaml'), 'utf8');
  const { groups } = parse(text) as { readonly groups: readonly { readonly rules: readonly AlertRule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

/** A case of promtool: time series, and the alerts of a name that fire at a time. */
interface AlertTest {
  readonly alert_rule_test?: readonly { readonly alertname: string; readonly exp_alerts?: readonly object[] }[];
}

export function alertTests(): readonly AlertTest[] {
  const text = readFileSync(join(DEPLOY, 'prometheus', 'alerts.test.yaml'), 'utf8');
  return (parse(text) as { readonly tests: readonly AlertTest[] }).tests;
}

/** Every PromQL expression of the rules and the dashboard. */
export function monitoringExpressions(): string[] {
  const { panels } = JSON.parse(readFileSync(join(DEPLOY, 'grafana', 'company-sync.json'), 'utf8')) as Dashboard;
  return [...alertRules().map(({ expr }) => expr), ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))];
}

/** The metrics of this processor and of Node that an expression names. */
export function metricsIn(expression: string): string[] {
  return [...expression.matchAll(/\b(?:company_sync|nodejs|process)_\w+/g)].map(([name]) => name);
}

/** The names of all time series that an answer of `GET /metrics` can have, from its TYPE lines. */
export function seriesOf(exposition: string): Set<string> {
  const names = new Set<string>();
  for (const [, name, type] of exposition.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    names.add(name as string);
    if (type === 'histogram') for (const part of ['bucket', 'sum', 'count']) names.add(`${name}_${part}`);
  }
  return names;
}
