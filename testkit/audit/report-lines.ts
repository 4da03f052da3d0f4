/** The audit's report as text. */
import type { Anomaly, AnomalyKind } from './anomaly.js';
import type { AuditReport } from './audit-topics.js';

/** The kinds of anomalies that the last line counts together, under one name. */
const COUNTED_AS: Readonly<Record<string, readonly AnomalyKind[]>> = {
  missing: ['missing'],
  duplicate: ['duplicate'],
  early: ['early'],
  'wrong content': ['late', 'wrong-content', 'wrong-envelope', 'unreadable'],
};
const DEAD_LETTER_ANOMALIES: readonly AnomalyKind[] = [
  'dead-letter-lost',
  'dead-letter-duplicate',
  'dead-letter-altered',
  'dead-letter-unexplained',
];

/** The whole report in one line. In a good report, every count of anomalies is 0. */
export function summaryLine({ companies, announced, rightlyNot, deadLetters, anomalies }: AuditReport): string {
  const count = (kinds: readonly AnomalyKind[]) => anomalies.filter(({ kind }) => kinds.includes(kind)).length;
  const wrong = Object.entries(COUNTED_AS).map(([name, kinds]) => `${name} ${count(kinds)}`);
  const wrongLetters = count(DEAD_LETTER_ANOMALIES);
  const letters = `dead letters ${deadLetters.arrived} of ${deadLetters.expected}`;
  return (
    `audit: ${companies.size} companies, ${announced} announced, ${rightlyNot} correctly not announced, ${wrong.join(', ')}, ` +
    (wrongLetters === 0 ? letters : `${letters}, wrong dead letters ${wrongLetters}`)
  );
}

/** The evidence for one anomaly. */
export function anomalyLines({ kind, companyId, what, came, shouldHaveCome, history }: Anomaly): string[] {
  return [
    `${kind}: company ${companyId ?? '(none)'}: ${what}`,
    ...history.map((line) => `    ${line}`),
    `  came:             ${JSON.stringify(came)}`,
    `  should have come: ${JSON.stringify(shouldHaveCome)}`,
  ];
}
