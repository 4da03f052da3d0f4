/** What the files of deploy/ and docs/operations.md say of each other. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { alertRules } from '../../support/monitoring.js';

const operations = readFileSync(join(__dirname, '..', '..', '..', 'docs', 'operations.md'), 'utf8');
const runbooks = [...operations.matchAll(/^### (CompanySync\w+)$/gm)].map(([, name]) => name);

test('each alert has its runbook, and each runbook its alert', () => {
  const rules = alertRules();
  expect(rules.length).toBeGreaterThan(10);
  expect(rules.map(({ alert }) => alert).sort()).toEqual([...runbooks].sort());
  for (const { alert, annotations } of rules)
    expect(annotations.runbook).toBe(`docs/operations.md#${alert.toLowerCase()}`);
});

test('each alert says how bad it is and what happens', () => {
  for (const { labels, annotations } of alertRules()) {
    expect(['critical', 'warning']).toContain(labels.severity);
    expect(annotations.summary).toMatch(/\S/);
  }
});
