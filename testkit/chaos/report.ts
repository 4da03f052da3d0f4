/** The result of a chaos run as text. */
import { ANOMALY_KINDS, type AnomalyKind } from '../audit/anomaly.js';
import type { AuditReport } from '../audit/audit-topics.js';
import type { ChaosOptions } from './options.js';
import type { FaultKind } from './schedule.js';

export interface Result {
  readonly begun: ReadonlyMap<FaultKind, number>;
  readonly instances: number;
  /** For how long records were written while faults happened. */
  readonly seconds: number;
  readonly records: number;
  readonly transactions: number;
  readonly takeOvers: number;
  readonly longestPauseMs: number;
  readonly report: AuditReport;
}

const HEADER = [
  '| Kafka | seed | seconds | instances | faults | records | announced | transactions | take-overs | longest pause | missing, twice, early, wrong |',
  '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
];
const NOT_WRONG: readonly AnomalyKind[] = ['missing', 'duplicate', 'early'];
const WRONG = ANOMALY_KINDS.filter((kind) => !NOT_WRONG.includes(kind));

/** A Markdown table with one row for each run. */
export function tableOf(rows: readonly string[]): string[] {
  return [...HEADER, ...rows];
}

export function rowOf({ kafka, seed }: ChaosOptions, result: Result): string {
  const { begun, instances, seconds, records, transactions, takeOvers, longestPauseMs, report } = result;
  const faults = [...begun].map(([kind, count]) => `${kind} ${count}`).sort();
  const count = (kinds: readonly AnomalyKind[]) => report.anomalies.filter(({ kind }) => kinds.includes(kind)).length;
  const anomalies = [count(['missing']), count(['duplicate']), count(['early']), count(WRONG)];
  const cells = [kafka, seed, seconds.toFixed(0), instances, faults.join(', '), records, report.announced];
  const pause = `${(longestPauseMs / 1_000).toFixed(1)} s`;
  return `| ${[...cells, transactions, takeOvers, pause, anomalies.join(', ')].join(' | ')} |`;
}

/** The row of a run that has no result. */
export function failedRow({ kafka, seed }: ChaosOptions): string {
  return `| ${[kafka, seed, ...Array.from({ length: 8 }, () => ''), 'no result'].join(' | ')} |`;
}

/** The result in words, one line for each group of figures. */
export function figureLines(result: Result): string[] {
  const { begun, seconds, records, transactions, takeOvers, longestPauseMs, report } = result;
  const faults = [...begun].map(([kind, count]) => `${kind} ${count}`).sort();
  return [
    `in ${seconds.toFixed(0)} s: ${records} records, ${report.announced} announced, ${transactions} transactions, ` +
      `${takeOvers} take-overs, longest pause ${(longestPauseMs / 1_000).toFixed(1)} s`,
    `faults: ${faults.length === 0 ? 'none' : faults.join(', ')}`,
  ];
}

/** An error with its causes. */
export function explained(error: unknown): string {
  const messages: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) messages.push(at.message);
  return messages.length === 0 ? String(error) : messages.join('\n  because ');
}
