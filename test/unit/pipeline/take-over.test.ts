/**
 * The order of a take-over, and what is left of one that fails. A broker shows the wrong order only in the few
 * milliseconds in which a former owner's commit is under way, so it is shown here.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { PipelineContext } from '../../../src/pipeline/context.js';
import { BrokerError, InconsistentPositionError } from '../../../src/pipeline/errors.js';
import { HeldPositions } from '../../../src/pipeline/held-positions.js';
import type { LogBounds, Logs, TransactionalProducer } from '../../../src/pipeline/ports.js';
import { takeOver, type OwnedPartition } from '../../../src/pipeline/take-over.js';
import type { KeyValueStore } from '../../../src/store/key-value-store.js';
import { TOPICS } from './topics.js';

const EMPTY: LogBounds = { start: 0, end: 0, highWatermark: 0 };

function never(): never {
  throw new Error('that should not have been asked for');
}

/** Begins to take over a partition that is empty in every respect; `asked` says what was asked for, in order. */
class TakeOver {
  readonly asked: string[] = [];
  /** Answers the fencing. */
  fenced: () => void = never;
  readonly stopping = new AbortController();
  readonly outcome: Promise<OwnedPartition>;

  constructor({
    inputBounds = EMPTY,
    committed = null,
  }: { inputBounds?: LogBounds | Error; committed?: number | null } = {}) {
    const committedOffset = () => {
      this.asked.push('committed offset');
      return Promise.resolve(committed);
    };
    const context: Partial<PipelineContext> = {
      applicationId: 'app',
      clusterId: 'cluster',
      topics: TOPICS,
      deleteRetentionMs: 0,
      clock: { now: () => 0, delay: never },
      inputLogs: {
        reader: never,
        bounds: this.#bounds('input', inputBounds),
        committedOffset,
        offsetIsPending: () => Promise.resolve(false),
      },
      changelogLogs: {
        reader: never,
        bounds: (at) => this.#bounds(at.topic, EMPTY)(at),
        committedOffset: never,
        offsetIsPending: never,
      },
      transactions: {
        fence: (id) => {
          this.asked.push(`fence ${id}`);
          return new Promise((resolve) => (this.fenced = () => resolve(this.#producer())));
        },
      },
      partitioner: { partitionFor: never, targets: (_, to) => ({ partitions: [to], alone: true }) },
      held: new HeldPositions(),
      state: { open: () => Promise.resolve(this.#emptyStore()), setAside: never },
    };
    this.outcome = takeOver(context as PipelineContext, 3, () => undefined, this.stopping.signal);
    this.outcome.catch(() => undefined); // Awaited by the test.
  }

  #bounds(name: string, answer: LogBounds | Error): Logs['bounds'] {
    return () => {
      this.asked.push(`bounds of ${name}`);
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    };
  }

  #producer(): TransactionalProducer {
    const discard = () => {
      this.asked.push('discard the producer');
      return Promise.resolve();
    };
    return {
      ...{ lastOutcome: null, lostConnection: never, throttledMs: 0, repeatEnd: never },
      begin: never,
      prepare: never,
      produce: never,
      sendOffset: never,
      commit: never,
      discard,
    };
  }

  #emptyStore(): KeyValueStore {
    this.asked.push('open the store');
    return {
      read: (keys) => {
        this.asked.push('read the store');
        return Promise.resolve(keys.map(() => null));
      },
      scan: never,
      page: never,
      snapshot: never,
      write: () => Promise.resolve(),
      close: () => {
        this.asked.push('close the store');
        return Promise.resolve();
      },
    };
  }
}

test('offsets, the ends of the logs and what is in the store are looked at only after the former owner is fenced', async () => {
  const { asked, fenced, outcome } = await begun(new TakeOver());
  expect(asked).toEqual(['open the store', 'fence app-input-3']);
  fenced();
  expect((await outcome).from).toBe(0);
  expect(asked.slice(-4, -1).sort()).toEqual(['bounds of changelog', 'bounds of input', 'committed offset']);
  expect(asked.at(-1)).toBe('read the store');
});

test('a take-over that fails lets go of producer and store', async () => {
  const failure = new BrokerError('the leader is gone');
  const { asked, fenced, outcome } = await begun(new TakeOver({ inputBounds: failure }));
  fenced();
  await expect(outcome).rejects.toBe(failure);
  expect(asked.slice(-2)).toEqual(['discard the producer', 'close the store']);
  expect(asked).not.toContain('read the store');
});

test('a take-over that finds the positions at odds lets go of producer and store', async () => {
  const { asked, fenced, outcome } = await begun(new TakeOver({ committed: 7 }));
  fenced();
  await expect(outcome).rejects.toThrow(InconsistentPositionError);
  expect(asked).toContain('read the store');
  expect(asked.slice(-2)).toEqual(['discard the producer', 'close the store']);
});

test('a partition that is taken away meanwhile is let go of before its store is looked at', async () => {
  const { asked, fenced, outcome, stopping } = await begun(new TakeOver());
  stopping.abort();
  fenced();
  await expect(outcome).rejects.toBe(stopping.signal.reason);
  expect(asked.slice(-2)).toEqual(['discard the producer', 'close the store']);
  expect(asked).not.toContain('read the store');
});

async function begun(takingOver: TakeOver): Promise<TakeOver> {
  await turn();
  return takingOver;
}
