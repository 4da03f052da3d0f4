import type { AuditReport } from '../testkit/audit/audit-topics.js';
import type { Cast } from './cast.js';

/** Counts the outcomes of the companies in each situation, as the audit found them. */
export function situationTable({ members }: Cast, { companies }: AuditReport): string[] {
  const rows = new Map<string, { companies: number; announced: number; reasons: Set<string> }>();
  for (const { situation, script } of members) {
    const row = rows.get(situation.name) ?? { companies: 0, announced: 0, reasons: new Set() };
    rows.set(situation.name, row);
    row.companies++;
    const fate = companies.get(script.company.companyId);
    if (fate?.announced) row.announced++;
    if (fate?.whyNot != null) row.reasons.add(fate.whyNot);
  }
  const width = Math.max(...[...rows.keys()].map((name) => name.length));
  const line = (name: string, count: number | string, announced: number | string, why: string) =>
    `${name.padEnd(width)}  ${String(count).padStart(9)}  ${String(announced).padStart(9)}  ${why}`.trimEnd();
  return [
    line('situation', 'companies', 'announced', 'why the others were correctly not announced'),
    ...[...rows].map(([name, row]) => line(name, row.companies, row.announced, [...row.reasons].join(', '))),
  ];
}
