/** The alerts of deploy/, the messages of src/ and docs/operations.md fit each other. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { CONSENT_WORDS } from '../../../src/setting-values.js';
import { alertRules, alertTests } from '../../support/monitoring.js';

const ROOT = join(__dirname, '..', '..', '..');
const operations = readFileSync(join(ROOT, 'docs', 'operations.md'), 'utf8');
const runbooks = [...operations.matchAll(/^### (CompanySync\w+)$/gm)].map(([, name]) => name);

test('each alert has its runbook, and each runbook its alert', () => {
  const rules = alertRules();
  expect(rules.length).toBeGreaterThan(10);
  expect(rules.map(({ alert }) => alert).sort()).toEqual([...runbooks].sort());
  for (const { alert, annotations } of rules)
    expect(annotations.runbook).toBe(`docs/operations.md#${alert.toLowerCase()}`);
});

test('each alert has a severity and a summary', () => {
  for (const { labels, annotations } of alertRules()) {
    expect(['critical', 'warning']).toContain(labels.severity);
    expect(annotations.summary).toMatch(/\S/);
  }
});

test('each alert has a case of promtool in which it fires, and one in which it does not', () => {
  const names = alertRules().map(({ alert }) => alert);
  const checks = alertTests().flatMap(({ alert_rule_test = [] }) => alert_rule_test);
  const namesWhere = (fires: boolean) =>
    checks.filter(({ exp_alerts = [] }) => exp_alerts.length > 0 === fires).map(({ alertname }) => alertname);
  expect(names.filter((alert) => !namesWhere(true).includes(alert))).toEqual([]);
  expect(names.filter((alert) => !namesWhere(false).includes(alert))).toEqual([]);
  expect(checks.filter(({ alertname }) => !names.includes(alertname))).toEqual([]);
});

test('each consent is in the table of what a start refuses, in the order of `--help`', () => {
  const section = /^## Why a start is refused$(.*?)^## /ms.exec(operations)?.[1] ?? '';
  const table = /^\| consent \|.*\n(?:\|.*\n)+/m.exec(section)?.[0] ?? '';
  expect([...table.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, word]) => word)).toEqual(CONSENT_WORDS);
});

test('each metric is in the table of metrics, and each row of it is a metric', () => {
  const folder = join(ROOT, 'src', 'ops');
  const named = readdirSync(folder).flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    const short = text.matchAll(/\b(?:counter|gauge|histogram)\(\s*'(\w+)'|\bname: `\$\{PREFIX\}(\w+)`/g);
    const whole = text.matchAll(/\bname: 'company_sync_(\w+)'/g);
    return [...short, ...whole].map(([, name, other]) => `company_sync_${name ?? other}`);
  });
  const documented = [...operations.matchAll(/^\| `(company_sync_\w+)` \|/gm)].map(([, name]) => name);
  expect([...new Set(named)].sort()).toEqual(documented.sort());
});

test('each runbook that marks the announced companies again also marks those that earlier seeds have marked', () => {
  const marking = operations
    .split(/^#{2,3} /m)
    .filter((section) => section.includes('companies seed --file announced.txt'));
  expect(marking.length).toBeGreaterThanOrEqual(3);
  for (const section of marking) expect(section).toContain('companies seed --file notified.txt');
  const others = operations
    .split(/\n\n/)
    .filter((paragraph) => /mark the companies that were announced/i.test(paragraph));
  expect(others.length).toBeGreaterThanOrEqual(4);
  for (const paragraph of others) expect(paragraph).toContain('earlier');
});

test('whether an open transaction was committed is not judged by an offset that may itself be open', () => {
  const section =
    /^### A partition was left with an open transaction$(.*?)^2\. /ms.exec(operations)?.[1]?.replace(/\s+/g, ' ') ?? '';
  expect(section).toContain("the state's position and the group's offset");
  expect(section).toContain('One of them is not enough');
});

/** The texts of a file as they are shown: literals that are joined by `+` are one text. */
function textsOf(path: string): string[] {
  const texts: string[] = [];
  const visit = (node: ts.Node): void => {
    const text = textOf(node);
    if (text !== '') texts.push(text);
    else ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ESNext, true));
  return texts;
}

function textOf(node: ts.Node): string {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node))
    return node.head.text + node.templateSpans.map((span) => span.literal.text).join('...');
  const isSum = ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken;
  return isSum ? textOf(node.left) + textOf(node.right) : '';
}

test('each section that a message names exists', () => {
  const sections = [...operations.matchAll(/^#+ (.+)$/gm)].map(([, title]) => title);
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.ts$/.test(name),
  );
  const texts = files.flatMap((name) => textsOf(join(ROOT, 'src', name)));
  const sending = texts.filter((text) => text.includes('docs/operations.md'));
  const wanted = sending.map((text) => /"([^"]+)"[ ,\n]+(in\s+)?docs|docs\/operations\.md, "([^"]+)"/.exec(text));
  const titles = wanted.map((found) => found?.[1] ?? found?.[3]);
  expect(titles.length).toBeGreaterThan(5);
  expect(titles.filter((title) => !sections.includes(title))).toEqual([]);
});

test('a list of announced companies has each id as one JSON string, and skips records that cannot be read', () => {
  const blocks = operations.match(/^ *```sh$.*?^ *```$/gms) ?? [];
  const seeding = blocks.filter(
    (block) => block.includes('events tail') && /^ *company-sync companies seed /m.test(block),
  );
  expect(seeding.length).toBeGreaterThanOrEqual(3);
  for (const block of seeding)
    expect(block).toContain("--json | jq -c 'select(.companyId != null) | .companyId' | sort");
});
