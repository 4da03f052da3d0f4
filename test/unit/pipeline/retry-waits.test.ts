/** How long a partition waits before its next take-over, and how soon it notices an operator's change. */
import type { PipelineContext } from '../../../src/pipeline/context.js';
import {
  BrokerError,
  BrokerSettingError,
  FencedError,
  HangingTransactionError,
  RecordTooLargeError,
  SettingsChangedError,
  UnreadableBatchError,
} from '../../../src/pipeline/errors.js';
import type { PartitionStatus } from '../../../src/pipeline/observer.js';
import { PartitionTask } from '../../../src/pipeline/partition-task.js';
import { RetryWaits } from '../../../src/pipeline/retry-waits.js';
import { UnknownRowVersionError } from '../../../src/store/row-version.js';
import { temporaryFolder } from '../store/temporary-folder.js';
import { PARTITION, SimulatedPartition } from './simulated-partition.js';
import { never } from './unused-ports.js';
import { DAY_MS, HOUR_MS } from '../../../src/lib/time-units.js';

const folder = temporaryFolder();

/** Waits that pass at once; `after` gives the status and the milliseconds of the wait after an error. */
class RecordedWaits {
  readonly #statuses: PartitionStatus[] = [];
  readonly #delays: number[] = [];
  readonly waits: RetryWaits;

  constructor() {
    const context: Partial<PipelineContext> = {
      clock: { now: () => 0, delay: (ms) => Promise.resolve(void this.#delays.push(ms)) },
      membership: { start: never, stop: never, confirmed: () => Promise.resolve() },
    };
    this.waits = new RetryWaits(context as PipelineContext, PARTITION, (status) => void this.#statuses.push(status));
  }

  async after(error: Error): Promise<[state: string | undefined, ms: number | undefined]> {
    const [statuses, delays] = [this.#statuses.length, this.#delays.length];
    await this.waits.untilNextAttempt(error, error.message, new AbortController().signal);
    return [this.#statuses[statuses]?.state, this.#delays[delays]];
  }
}

test('after an error that may end by itself, the waits double from 50 ms to 5 s, and are short again after a commit', async () => {
  const recorded = new RecordedWaits();
  for (const ms of [50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000])
    expect(await recorded.after(new BrokerError('no answer'))).toEqual(['waiting', ms]);
  recorded.waits.tookOver();
  expect(await recorded.after(new FencedError('fenced'))).toEqual(['waiting', 5_000]);
  recorded.waits.batchCommitted();
  expect(await recorded.after(new TypeError('rows is not iterable'))).toEqual(['waiting', 50]);
});

const LOG = { topic: 'sync-events', partition: PARTITION };
const DAMAGED = { firstOffset: 3, nextOffset: 4, why: 'damaged' };
test.each<[Error, number]>([
  [new HangingTransactionError('hangs'), 10_000],
  [new RecordTooLargeError('company-synchronized', 2_000_000), 10_000],
  [new UnknownRowVersionError('dataset row version', 9), 10_000],
  [new BrokerSettingError('min.insync.replicas'), 10_000],
  [new SettingsChangedError('EVENT_NAMESPACE'), 10_000],
  [new UnreadableBatchError(LOG, DAMAGED, ''), 300_000],
])('after %s, a partition is blocked, and each wait is equally long', async (error, ms) => {
  const recorded = new RecordedWaits();
  expect([await recorded.after(error), await recorded.after(error)]).toEqual([
    ['blocked', ms],
    ['blocked', ms],
  ]);
});

test('after a record that is too large, the partition stays blocked until a commit', async () => {
  const recorded = new RecordedWaits();
  await recorded.after(new RecordTooLargeError('company-synchronized', 2_000_000));
  await recorded.after(new BrokerError('no answer'));
  recorded.waits.tookOver();
  expect(recorded.waits.tooLargeStatus?.state).toBe('blocked');
  recorded.waits.batchCommitted();
  expect(recorded.waits.tooLargeStatus).toBeNull();
});

describe('after a contradiction of positions', () => {
  let simulated: SimulatedPartition;
  let task: PartitionTask;

  /** The state is at offset 1, and the group's offset is 0. */
  beforeEach(async () => {
    simulated = new SimulatedPartition(folder());
    simulated.keepsOpen = true;
    task = new PartitionTask(simulated.context, PARTITION);
    await simulated.pass(1_000);
    simulated.input.end = 1;
    simulated.input.deliver();
    await simulated.run(() => simulated.committed?.offset === 1);
    simulated.input.failure = new Error('the partition is restarted');
    simulated.committed = { offset: 0, leaderEpoch: -1 };
    simulated.input.deliver();
    await simulated.end(task);
    simulated.input.failure = null;
    task = new PartitionTask(simulated.context, PARTITION);
    await simulated.run(() => task.status.state === 'blocked');
  });
  afterEach(() => simulated.end(task));

  test('a day of retries takes a few hundred writes', async () => {
    await simulated.pass(DAY_MS);
    expect(task.status.state).toBe('blocked');
    expect(simulated.proofs).toBeGreaterThan(100);
    expect(simulated.proofs).toBeLessThan(160);
  });

  test('an operator is told when the next attempt comes', async () => {
    await simulated.pass(HOUR_MS);
    await simulated.run(() => task.status.state === 'blocked');
    const next = /tries again at (\S+), and within 10 s once/.exec(task.status.reason ?? '')?.[1] ?? '';
    const waitMs = Date.parse(next) - simulated.now;
    expect(waitMs).toBeGreaterThan(0);
    expect(waitMs).toBeLessThanOrEqual(600_000);
  });

  test("an operator's change is noticed within seconds, however long the waits are", async () => {
    await simulated.pass(DAY_MS);
    await simulated.run(() => task.status.state === 'blocked');
    const setAt = simulated.now;
    simulated.committed = { offset: 1, leaderEpoch: -1 };
    await simulated.run(() => task.status.state === 'running');
    expect(simulated.now - setAt).toBeLessThan(12_500);
  });

  test('an input that is created again is noticed within seconds', async () => {
    await simulated.pass(DAY_MS);
    await simulated.run(() => task.status.state === 'blocked');
    const { takeOvers } = simulated;
    simulated.input.said = { ...simulated.input.said, topicId: 'other' };
    const setAt = simulated.now;
    await simulated.run(() => simulated.takeOvers > takeOvers);
    expect(simulated.now - setAt).toBeLessThan(12_500);
  });

  test('a clock that is set back does not put the next attempt off', async () => {
    await simulated.pass(HOUR_MS);
    await simulated.run(() => task.status.state === 'blocked');
    simulated.now -= DAY_MS;
    const { proofs, now } = simulated;
    await simulated.run(() => simulated.proofs > proofs || simulated.now - now > DAY_MS);
    expect(simulated.now - now).toBeLessThan(700_000);
  });
});
