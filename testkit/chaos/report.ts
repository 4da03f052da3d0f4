/** The result of a chaos run as text. */
import type { AuditReport } from '../audit/audit-topics.js';
import type { ChaosOptions } from './options.js';
import type { FaultKind } from './schedule.js';

export interface Result {
  readonly begun: ReadonlyMap<FaultKind, number>;
  readonly instances: number;
  readonly records: number;
  readonly report: AuditReport;
}

const HEADER = [
  '| Kafka | seed | seconds | instances | faults | records | companies announced | anomalies |',
  '| --- | --- | --- | --- | --- | --- | --- | --- |',
];

/** A Markdown table with one row. */
export function tableOf({ kafka, seed, seconds }: ChaosOptions, result: Result): string[] {
  const { begun, instances, records, report } = result;
  const faults = [...begun].map(([kind, count]) => `${kind} ${count}`).sort();
  const cells = [
    kafka,
    seed,
    seconds,
    instances,
    faults.join(', '),
    records,
    report.announced,
    report.anomalies.length,
  ];
  return [...HEADER, `| ${cells.join(' | ')} |`];
}

/** An error with its causes. */
export function explained(error: unknown): string {
  const messages: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) messages.push(at.message);
  return messages.length === 0 ? String(error) : messages.join('\n  because ');
}
