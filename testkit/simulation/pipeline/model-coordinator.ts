/**
 * The transaction coordinator and the group coordinator, as far as one transactional id and one input partition need
 * them. As in Kafka, a transaction has an outcome before its markers are written, and the markers arrive one by one.
 */
import { FencedError } from '../../../src/pipeline/errors.js';
import type { CommittedOffset } from '../../../src/pipeline/ports.js';
import type { SeededRandom } from '../../seeded-random.js';
import type { SimulatedTime } from '../time.js';
import type { ModelLog, Outcome } from './model-log.js';

const TRANSACTION_TIMEOUT_MS = 20_000;
const MAX_MARKER_MS = 5;

/** The brokers cannot do this yet: the client sends it again. */
export class BusyError extends Error {
  override readonly name = 'BusyError';
}

export class ModelCoordinator {
  epoch = 0;
  /** The group's offset. */
  committed: CommittedOffset | null = null;
  pending: CommittedOffset | null = null;
  lastOutcome: Outcome | null = null;
  #state: 'empty' | 'open' | 'ending' = 'empty';
  readonly #logs = new Set<ModelLog>();
  #cancelTimeout: () => void = () => undefined;

  /**
   * @param onEnded called with the outcome of each transaction when it is decided
   * @param beforeMarker called with the outcome before its marker is written to a log
   */
  constructor(
    private readonly time: SimulatedTime,
    private readonly random: SeededRandom,
    private readonly onEnded: (outcome: Outcome, why: string) => void,
    private readonly beforeMarker: (log: ModelLog, outcome: Outcome) => void,
  ) {}

  /** Aborts what is open, and refuses all earlier producers. @returns the new epoch. @throws BusyError */
  fence(): number {
    this.epoch++;
    if (this.#state === 'open') this.#end('abort', 'fenced');
    if (this.#state === 'ending') throw new BusyError();
    return this.epoch;
  }

  /** @throws FencedError, BusyError */
  begin(epoch: number, logs: readonly ModelLog[]): void {
    this.mustBeOf(epoch);
    if (this.#state === 'ending') throw new BusyError();
    this.#state = 'open';
    for (const log of logs) this.#logs.add(log);
    this.#cancelTimeout = this.time.after(TRANSACTION_TIMEOUT_MS, () => this.expire());
  }

  /** @throws FencedError */
  sendOffset(epoch: number, offset: CommittedOffset): void {
    this.#mustBeOpen(epoch);
    this.pending = offset;
  }

  /** @throws FencedError */
  append(epoch: number, log: ModelLog, records: Parameters<ModelLog['append']>[0]): number {
    this.#mustBeOpen(epoch);
    return log.append(records, true);
  }

  /** @throws FencedError */
  commit(epoch: number): void {
    this.#mustBeOpen(epoch);
    this.#end('commit', 'committed');
  }

  /** @throws FencedError */
  abort(epoch: number): void {
    this.#mustBeOpen(epoch);
    this.#end('abort', 'aborted');
  }

  /** Ends an open transaction as a coordinator does when its time is over: the producer is fenced. */
  expire(): void {
    if (this.#state !== 'open') return;
    this.epoch++;
    this.#end('abort', 'timed out');
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  mustBeOf(epoch: number): void {
    if (epoch !== this.epoch) throw new FencedError(`epoch ${epoch} is fenced by epoch ${this.epoch}`);
  }

  #mustBeOpen(epoch: number): void {
    this.mustBeOf(epoch);
    if (this.#state !== 'open') throw new FencedError('no transaction is open');
  }

  #end(outcome: Outcome, why: string): void {
    this.#cancelTimeout();
    this.#state = 'ending';
    this.lastOutcome = outcome;
    this.onEnded(outcome, why);
    let left = this.#logs.size + 1;
    const written = (): void => {
      if (--left > 0) return;
      this.#logs.clear();
      this.#state = 'empty';
    };
    for (const log of this.#logs)
      this.time.after(this.random.integer(0, MAX_MARKER_MS), () => {
        this.beforeMarker(log, outcome);
        log.endTransaction(outcome, this.time.now());
        written();
      });
    this.time.after(this.random.integer(0, MAX_MARKER_MS), () => {
      if (outcome === 'commit') this.committed = this.pending ?? this.committed;
      this.pending = null;
      written();
    });
  }
}
