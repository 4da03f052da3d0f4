import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Announcement } from '../domain/announcement.js';
import { DEAD_LETTER_CODES } from '../domain/events.js';
import { isDate, type Policy } from '../domain/policy.js';
import type { BadRecord } from '../decode/bad-record.js';
import type { LogRecord } from '../lib/record.js';
import type {
  BatchReport,
  BatchStep,
  PartitionState,
  PendingCompanies,
  PartitionStatus,
  PipelineObserver,
  RestoreProgress,
} from '../pipeline/observer.js';
import { StepTimes } from './step-times.js';

const PREFIX = 'company_sync_';
/** Why a record was ignored: every word of `Ignored`. */
const IGNORED = Object.keys({
  final: null,
  refresh: null,
  stale: null,
  'nothing-to-do': null,
} satisfies Record<keyof BatchReport['ignored'], null>);
const DECISIONS = ['applied', 'announced', 'dead-letter', ...IGNORED.map((why) => `ignored-${why}`)];
const POLICIES = Object.keys({ FIRST_DATASET: null, ALL_DATASETS: null } satisfies Record<Policy, null>) as Policy[];
/** The number of unknown status words that are counted separately. */
const MAX_REMEMBERED_WORDS = 1_000;
const TRANSACTION_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
/** The number of source types that are counted separately, and the characters of each; the others count as OTHER. */
const MAX_SOURCE_TYPES = 20;
const MAX_SOURCE_TYPE_CHARACTERS = 64;
const OTHER = 'other';
const FIRST_SYNC_SECONDS = [
  60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 57_600, 86_400, 172_800, 345_600, 604_800,
];
const LATENCY_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200];

/**
 * Counts what happens, for Prometheus; docs/operations.md has the table. It does work for each batch, announcement,
 * dead letter, fault or unknown status, but not for each of the other records.
 */
export class MetricsObserver implements Partial<PipelineObserver> {
  readonly #records;
  readonly #decisions;
  readonly #changes;
  readonly #undated;
  readonly #schemaWaits;
  readonly #batchSeconds;
  readonly #latencySeconds;
  readonly #announcementSeconds;
  readonly #firstSyncSeconds;
  readonly #stepSeconds;
  readonly #cache;
  readonly #announced;
  readonly #deadLetters;
  readonly #stalls;
  readonly #failures;
  readonly #companies;
  readonly #unknownStatuses;
  readonly #unknownWords;
  readonly #forgotten;
  readonly #setAside;
  readonly #takeOverErrors;
  readonly #lag;
  readonly #state;
  readonly #toRestore;
  readonly #restored;
  readonly #states = new Map<number, PartitionState>();
  readonly #restoredUpTo = new Map<number, number>();
  readonly #words = new Set<string>();
  readonly #sourceTypes = new Set<string>();
  readonly #steps: StepTimes;

  /**
   * @param monotonicMs a clock that is finer than milliseconds and never goes back
   * @param now milliseconds since the epoch
   */
  constructor(
    registry: Registry,
    monotonicMs: () => number,
    private readonly now: () => number,
  ) {
    const registers = [registry];
    const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
      new Counter({ name: PREFIX + name, help, labelNames, registers });
    const gauge = <L extends string>(name: string, help: string, labelNames: L[]) =>
      new Gauge({ name: PREFIX + name, help, labelNames, registers });
    const histogram = <L extends string>(name: string, help: string, labelNames: L[], buckets: number[]) =>
      new Histogram({ name: PREFIX + name, help, labelNames, buckets, registers });

    this.#records = counter('records_total', 'Input records processed', ['partition']);
    this.#decisions = counter('decisions_total', 'Input records by decision', ['decision']);
    this.#changes = counter('changed_rows_total', 'State rows changed, each one record of the changelog', [
      'partition',
    ]);
    this.#undated = counter(
      'undated_records_total',
      'Input records whose timestamp is not a date: before 2015, because it is missing or in seconds',
      ['partition'],
    );
    this.#announced = counter('announced_total', 'Companies announced, by the policy that fired', ['policy']);
    this.#deadLetters = counter('dead_letters_total', 'Records copied to the dead-letter topic', ['code']);
    this.#schemaWaits = counter(
      'schema_wait_seconds_total',
      'Seconds for which no record was decoded, until schema ids that the registry denied counted as unknown',
      ['partition'],
    );
    this.#stalls = counter('stalls_total', 'Stalls published: companies without progress for STALLED_AFTER', []);
    this.#failures = counter(
      'failures_total',
      'CompanySyncFailed published: first syncs that are over without a Complete dataset',
      [],
    );
    this.#companies = gauge('companies', 'Companies not announced yet: all (pending), held, stalled, failed', [
      'partition',
      'state',
    ]);
    this.#unknownStatuses = counter('unknown_statuses_total', 'Status records with an unknown status word', []);
    this.#unknownWords = gauge('unknown_status_words', 'Different unknown status words seen since the start', []);
    this.#forgotten = counter('forgotten_early_datasets_total', 'Datasets forgotten before any manifest came', []);
    this.#setAside = counter('state_set_aside_total', 'State folders set aside and rebuilt', ['partition']);
    this.#takeOverErrors = counter('partition_errors_total', 'Errors after which the instance restarted a partition', [
      'partition',
      'error',
    ]);
    this.#lag = gauge('lag_records', 'Input records between position and last stable offset', ['partition']);
    this.#state = gauge('partition_state', '1 for the state that the partition is in', ['partition', 'state']);
    this.#toRestore = gauge('restore_remaining_records', 'Changelog offsets left to restore', ['partition']);
    this.#restored = counter('restored_records_total', 'Changelog records replayed', ['partition']);
    this.#cache = counter(
      'cache_companies_total',
      'Companies of batches, by whether they were in memory (hit) or not (miss)',
      ['result'],
    );
    this.#batchSeconds = histogram(
      'batch_duration_seconds',
      'From the decoded records of a batch to the commit of its transaction',
      [],
      TRANSACTION_SECONDS,
    );
    this.#stepSeconds = histogram(
      'transaction_step_duration_seconds',
      'Duration of a step of a transaction, from the end of the step that it waits for',
      ['step'],
      TRANSACTION_SECONDS,
    );
    this.#latencySeconds = histogram(
      'latency_seconds',
      'From the timestamp of the first record of a batch to the commit of its transaction',
      [],
      LATENCY_SECONDS,
    );
    this.#announcementSeconds = histogram(
      'announcement_latency_seconds',
      'From the timestamp of the record that completed a company to the commit of its announcement',
      [],
      LATENCY_SECONDS,
    );
    this.#firstSyncSeconds = histogram(
      'first_sync_duration_seconds',
      'From the first manifest of a company to the record that completed it, by source type of its first connection',
      ['source_type'],
      FIRST_SYNC_SECONDS,
    );
    this.#steps = new StepTimes(monotonicMs, (step, ms) => this.#stepSeconds.observe({ step }, ms / 1000));
    // Counters whose labels are known begin at 0. Prometheus does not count a change from no value to 1 as an
    // increase.
    for (const code of DEAD_LETTER_CODES) this.#deadLetters.inc({ code }, 0);
    for (const decision of DECISIONS) this.#decisions.inc({ decision }, 0);
    for (const policy of POLICIES) this.#announced.inc({ policy }, 0);
    for (const result of ['hit', 'miss']) this.#cache.inc({ result }, 0);
    this.#unknownWords.set(0);
  }

  state(partition: number, { state }: PartitionStatus): void {
    const former = this.#states.get(partition);
    if (former !== undefined) this.#state.remove({ partition, state: former });
    this.#states.set(partition, state);
    if (state === 'fencing') this.#restoredUpTo.delete(partition);
    this.#setAside.inc({ partition }, 0);
    this.#schemaWaits.inc({ partition }, 0);
    if (state !== 'closed') this.#state.set({ partition, state }, 1);
    else {
      this.#states.delete(partition);
      for (const gauge of [this.#lag, this.#toRestore]) gauge.remove({ partition });
      for (const state of ['pending', 'held', 'stalled', 'failed']) this.#companies.remove({ partition, state });
    }
  }

  step(partition: number, step: BatchStep): void {
    this.#steps.note(partition, step);
  }

  batch(partition: number, report: BatchReport): void {
    const { records, announced, deadLetters, ignored } = report;
    this.#records.inc({ partition }, records);
    this.#changes.inc({ partition }, report.changes);
    this.#undated.inc({ partition }, report.undated?.count ?? 0);
    let applied = records - announced - deadLetters;
    for (const [why, count] of Object.entries(ignored)) {
      applied -= count;
      if (count > 0) this.#decisions.inc({ decision: `ignored-${why}` }, count);
    }
    this.#decisions.inc({ decision: 'applied' }, applied);
    this.#decisions.inc({ decision: 'announced' }, announced);
    this.#decisions.inc({ decision: 'dead-letter' }, deadLetters);
    this.#cache.inc({ result: 'hit' }, report.cachedCompanies);
    this.#cache.inc({ result: 'miss' }, report.companies - report.cachedCompanies);
    this.#batchSeconds.observe(report.durationMs / 1000);
    this.#latencySeconds.observe(report.latencyMs / 1000);
    this.lag(partition, report.lag);
  }

  waitedForSchemas(partition: number, ms: number): void {
    this.#schemaWaits.inc({ partition }, ms / 1000);
  }

  /**
   * Takes the lag of a partition, also if it has no batches because it is idle, waits or is blocked.
   *
   * @param records null when unknown
   */
  lag(partition: number, records: number | null): void {
    if (records === null) this.#lag.remove({ partition });
    else if (this.#states.has(partition)) this.#lag.set({ partition }, records);
  }

  restore(partition: number, { position, end, records }: RestoreProgress): void {
    this.#toRestore.set({ partition }, Math.max(0, end - position));
    this.#restored.inc({ partition }, Math.max(0, records - (this.#restoredUpTo.get(partition) ?? 0)));
    this.#restoredUpTo.set(partition, records);
  }

  announced(_partition: number, announcement: Announcement, completing: LogRecord): void {
    const { policy, linkedAt, synchronizedAt, connections } = announcement;
    this.#announced.inc({ policy });
    if (linkedAt !== null && isDate(linkedAt) && isDate(synchronizedAt))
      this.#firstSyncSeconds.observe(
        { source_type: this.#sourceTypeOf(connections[0]?.sourceType ?? '') },
        Math.max(0, synchronizedAt - linkedAt) / 1000,
      );
    if (isDate(completing.timestamp))
      this.#announcementSeconds.observe(Math.max(0, this.now() - completing.timestamp) / 1000);
  }

  /** Producers choose the word, so a limited number of words become labels. */
  #sourceTypeOf(word: string): string {
    if (this.#sourceTypes.has(word)) return word;
    const isNew = this.#sourceTypes.size < MAX_SOURCE_TYPES && word !== '' && word.length <= MAX_SOURCE_TYPE_CHARACTERS;
    if (!isNew) return OTHER;
    this.#sourceTypes.add(word);
    return word;
  }

  deadLetter(_partition: number, { code }: BadRecord): void {
    this.#deadLetters.inc({ code });
  }

  syncFailed(): void {
    this.#failures.inc();
  }

  stalled(): void {
    this.#stalls.inc();
  }

  companies(partition: number, { pending, held, stalled, failed }: PendingCompanies): void {
    this.#companies.set({ partition, state: 'pending' }, pending);
    this.#companies.set({ partition, state: 'held' }, held);
    this.#companies.set({ partition, state: 'stalled' }, stalled);
    this.#companies.set({ partition, state: 'failed' }, failed);
  }

  unknownStatus(status: string): void {
    this.#unknownStatuses.inc();
    if (this.#words.has(status) || this.#words.size >= MAX_REMEMBERED_WORDS) return;
    this.#words.add(status);
    this.#unknownWords.set(this.#words.size);
  }

  forgotEarlyDatasets(_companyId: string, count: number): void {
    this.#forgotten.inc(count);
  }

  setAside(partition: number): void {
    this.#setAside.inc({ partition });
  }

  error(partition: number, error: unknown): void {
    this.#takeOverErrors.inc({ partition, error: error instanceof Error ? error.name : 'unknown' });
  }
}
