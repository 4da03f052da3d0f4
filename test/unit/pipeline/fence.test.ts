/** Parts of the last transaction that the brokers left open are found, and ended as the coordinator had decided. */
import type { PipelineContext } from '../../../src/pipeline/context.js';
import {
  BrokerError,
  HangingTransactionError,
  InconsistentPositionError,
  StaleViewError,
} from '../../../src/pipeline/errors.js';
import { fence } from '../../../src/pipeline/fence.js';
import { encodeRepartitionMark } from '../../../src/pipeline/repartition-mark.js';
import { mustBeSureNothingIsOpen, leadersMustShowNothingOpen } from '../../../src/pipeline/left-open.js';
import type { KnownCommit, LogBounds, TransactionOutcome, TransactionalProducer } from '../../../src/pipeline/ports.js';
import { kafkaCommandsFor } from '../../../src/lib/shell-command.js';
import { TOPICS } from './topics.js';
import { SEEN_BY_MOST } from '../../support/seen-by-most.js';
import { never, UNUSED_PRODUCER, UNUSED_LOGS } from './unused-ports.js';

const PARTITION = 1;
const WHOLE: LogBounds = { start: 0, end: 7, highWatermark: 7, ...SEEN_BY_MOST };
const OPEN: LogBounds = { start: 0, end: 5, highWatermark: 7, ...SEEN_BY_MOST };
/** Each topic has as many partitions as the input. */
const EVERYWHERE = 'changelog/1 synchronized/1 dead-letter/1 stalled/1 failed/1';

interface Situation {
  /** The last outcome at each fencing, in turn. */
  readonly outcomes: readonly (TransactionOutcome | null)[];
  /** Topics in which a transaction is open. */
  readonly open?: readonly string[];
  readonly offsetIsPending?: boolean;
  readonly sharedTopic?: string;
  /** The result of repeating the end. */
  readonly fails?: Error;
  readonly staysOpen?: boolean;
  /**
   * True if the open transaction in the outbound topics is another producer's; null if the brokers do not report that.
   */
  readonly isOthers?: boolean | null;
  /** Another broker leads the outbound topics after the question which transactions are open. */
  readonly leaderChanges?: boolean;
  /** Where our own transaction begins in the outbound topics. */
  readonly opensAt?: number;
  /** Too few brokers have named the group's coordinator. */
  readonly offsetIsToldByFew?: boolean;
  /** The commits that the process knows. */
  readonly lastCommit?: KnownCommit;
  /** The high watermark of the open places. */
  readonly openUpTo?: number;
  /** Too few brokers have named the leaders: of all topics, or of this one. */
  readonly isToldByFew?: boolean | string;
  /** The group's offset at each question, in turn; the last one stays. */
  readonly committed?: readonly number[];
}

async function fenced({ outcomes, open = [], offsetIsPending = false, ...rest }: Situation) {
  const { sharedTopic, fails, staysOpen = false, isOthers = false, isToldByFew = false, lastCommit = null } = rest;
  const opened = { ...OPEN, highWatermark: rest.openUpTo ?? OPEN.highWatermark };
  const did: string[] = [];
  const reports: unknown[] = [];
  const looked: string[] = [];
  const asked: string[] = [];
  const left = [...outcomes];
  const committed = [...(rest.committed ?? [])];
  let isOpen = true;
  const fenceOnce = (id: string): Promise<TransactionalProducer> => {
    const lastOutcome = left.shift();
    if (lastOutcome === undefined) never();
    did.push(`fence ${id}`);
    return Promise.resolve({
      ...UNUSED_PRODUCER,
      lastOutcome,
      lastCommit,
      openFrom: ({ topic, partition }) => {
        asked.push(`${topic}/${partition}`);
        return Promise.resolve(isOthers === null ? 'unknown' : isOthers ? 'nothing' : (rest.opensAt ?? OPEN.end));
      },
      repeatEnd: (of, outcome) => {
        did.push(`${outcome} ${of.map(({ topic, partition }) => `${topic}/${partition}`).join(' ')}`);
        isOpen = staysOpen;
        return fails === undefined ? Promise.resolve() : Promise.reject(fails);
      },
      discard: () => {
        did.push('discard');
        return Promise.resolve();
      },
    });
  };
  const context: Partial<PipelineContext> = {
    applicationId: 'app',
    kafkaCommand: kafkaCommandsFor({ brokers: ['a:9092', 'b:9092'], isSecured: false }),
    topics: TOPICS,
    transactions: { fence: fenceOnce },
    partitioner: {
      partitionFor: never,
      targets: (topic, partition) =>
        topic === sharedTopic
          ? { partitions: [0, 1, 2], isExclusive: false }
          : { partitions: [partition], isExclusive: true },
    },
    inputLogs: {
      ...UNUSED_LOGS,
      committedOffset: () => {
        const offset = committed.length > 1 ? committed.shift() : committed[0];
        return Promise.resolve(offset === undefined ? null : { offset, leaderEpoch: -1 });
      },
      pendingOffset: () =>
        Promise.resolve({ isPending: offsetIsPending && isOpen, byMost: rest.offsetIsToldByFew !== true }),
    },
    changelogLogs: {
      ...UNUSED_LOGS,
      bounds: ({ topic, partition }) => {
        looked.push(`${topic}/${partition}`);
        const bounds = isOpen && open.includes(topic) ? opened : WHOLE;
        const leaderEpoch = rest.leaderChanges === true ? asked.length : bounds.leaderEpoch;
        return Promise.resolve({ ...bounds, leaderEpoch, byMost: isToldByFew !== true && isToldByFew !== topic });
      },
    },
    observer: {
      leftOpen: (...what: unknown[]) => reports.push(what),
    } as Partial<PipelineContext['observer']> as PipelineContext['observer'],
  };
  const result = await fence(context as PipelineContext, PARTITION).catch((error: unknown) => error);
  return { context: context as PipelineContext, did, reports, looked, asked, result };
}

const FENCE = `fence app-${TOPICS.input}-1`;

describe('while a repartitioning moves rows', () => {
  const MARK = encodeRepartitionMark({ from: 12, to: 24, moved: false });

  test('it is not fenced, and its open transaction is not taken for one that was left open', async () => {
    const { did, looked, result } = await fenced({ outcomes: [], open: [TOPICS.changelog], committed: [MARK] });
    expect(result).toBeInstanceOf(InconsistentPositionError);
    expect((result as Error).message).toContain('(repartition mark)');
    expect((result as Error).message).toContain('from 12 to 24 partitions');
    expect(did).toEqual([]);
    expect(looked).toEqual([]);
  });

  test('nothing is ended if the mark is seen only after the fencing', async () => {
    const { did, result } = await fenced({ outcomes: ['abort'], open: [TOPICS.changelog], committed: [7, MARK] });
    expect(result).toBeInstanceOf(InconsistentPositionError);
    expect(did).toEqual([FENCE, 'discard']);
  });

  test('a mark that too few brokers vouch for is asked for again', async () => {
    const { did, result } = await fenced({ outcomes: [], offsetIsToldByFew: true, committed: [MARK] });
    expect(result).toBeInstanceOf(StaleViewError);
    expect(did).toEqual([]);
  });
});

test('if nothing is open, the owner gets the fenced producer', async () => {
  const { did, reports } = await fenced({ outcomes: ['commit'] });
  expect(did).toEqual([FENCE]);
  expect(reports).toEqual([]);
});

test.each([TOPICS.changelog, TOPICS.synchronized, TOPICS.deadLetter, TOPICS.stalled])(
  'a committed transaction that is open in %s is committed there too',
  async (topic) => {
    const { did, reports } = await fenced({ outcomes: ['commit', 'commit'], open: [topic] });
    expect(did).toEqual([FENCE, `commit ${EVERYWHERE}`, 'discard', FENCE]);
    expect(reports).toEqual([[1, 'commit', [`${topic}/1 from offset 5 on`]]]);
  },
);

test('an aborted transaction that is open somewhere is aborted there too', async () => {
  const { did } = await fenced({ outcomes: ['abort', 'abort'], open: [TOPICS.changelog] });
  expect(did).toEqual([FENCE, `abort ${EVERYWHERE}`, 'discard', FENCE]);
});

test('a pending offset alone counts as open', async () => {
  const { did, reports } = await fenced({ outcomes: ['commit', 'commit'], offsetIsPending: true });
  expect(did).toEqual([FENCE, `commit ${EVERYWHERE}`, 'discard', FENCE]);
  expect(reports).toEqual([[1, 'commit', [`the group's offset of ${TOPICS.input}/1`]]]);
});

describe('an acknowledged commit that is open while the transaction after it failed', () => {
  /** It has written offsets 5 and 6 to changelog and announcements. */
  const lastCommit: KnownCommit = {
    endIn: ({ topic }) => (topic === TOPICS.changelog || topic === TOPICS.synchronized ? 7 : null),
    isLastIn: ({ topic }) => topic === TOPICS.synchronized,
    wroteLast: () => false,
    hasLastOffset: true,
  };

  test.each<[string, Partial<Situation>, string]>([
    ['the changelog', { open: [TOPICS.changelog] }, 'changelog/1'],
    ['the announcements', { open: [TOPICS.synchronized] }, 'synchronized/1'],
    ['changelog and offset', { open: [TOPICS.changelog], offsetIsPending: true }, 'changelog/1'],
    ['the offset', { offsetIsPending: true }, ''],
  ])('is committed in %s', async (_, where, logs) => {
    for (const outcome of ['abort', null] as const) {
      const { did, result } = await fenced({ outcomes: [outcome, 'commit'], lastCommit, ...where });
      expect(result).not.toBeInstanceOf(Error);
      expect(did).toEqual([FENCE, `commit ${logs}`, 'discard', FENCE]);
    }
  });

  test.each<[string, Partial<Situation>]>([
    ['records came after it', { open: [TOPICS.changelog], openUpTo: 8 }],
    ['it wrote nothing there', { open: [TOPICS.stalled] }],
    ['it ended before what is open', { open: [TOPICS.changelog], lastCommit: { ...lastCommit, endIn: () => 5 } }],
    ['an offset came after it', { offsetIsPending: true, lastCommit: { ...lastCommit, hasLastOffset: false } }],
    ['others have written since', { offsetIsPending: true, lastCommit: { ...lastCommit, endIn: () => 5 } }],
  ])('does not count as the open one if %s: then the last outcome decides', async (_, situation) => {
    const { did } = await fenced({ outcomes: ['abort', 'abort'], lastCommit, ...situation });
    // No later transaction was begun in `synchronized`.
    expect(did).toEqual([FENCE, 'abort changelog/1 dead-letter/1 stalled/1 failed/1', 'discard', FENCE]);
  });

  test('is committed although other producers have written after it in an outbound topic', async () => {
    for (const outcome of ['abort', null] as const) {
      const open = [TOPICS.synchronized];
      const { did } = await fenced({ outcomes: [outcome, 'commit'], lastCommit, open, openUpTo: 8 });
      expect(did).toEqual([FENCE, 'commit synchronized/1', 'discard', FENCE]);
    }
  });

  test('blocks the partition if a later transaction of its own may be behind it', async () => {
    const known = { ...lastCommit, isLastIn: () => false };
    for (const outcome of ['abort', null] as const) {
      const open = [TOPICS.synchronized];
      const { did, result } = await fenced({ outcomes: [outcome], lastCommit: known, open, openUpTo: 8 });
      expect(result).toBeInstanceOf(HangingTransactionError);
      expect(String(result)).toContain('which must not be aborted, because other producers have written after it');
      expect(String(result)).not.toContain('abort --topic');
      expect(String(result)).toContain('kafka-console-consumer.sh --bootstrap-server a:9092,b:9092 --topic');
      expect(did).toEqual([FENCE, 'discard']);
    }
  });

  test('blocks the partition if parts of a later transaction are open too, and asks to abort those alone', async () => {
    const open = [TOPICS.changelog, TOPICS.stalled];
    const { did, result } = await fenced({ outcomes: ['abort'], lastCommit, open });
    expect(result).toBeInstanceOf(HangingTransactionError);
    expect(did).toEqual([FENCE, 'discard']);
    expect(String(result)).toContain(`abort --topic ${TOPICS.stalled} --partition 1 --start-offset 5`);
    expect(String(result)).not.toContain(`abort --topic ${TOPICS.changelog}`);
    expect(String(result)).toContain(`must not be aborted (${TOPICS.changelog}/1 from offset 5 on)`);
  });

  test('is committed in topics that other partitions write to', async () => {
    const sharedTopic = TOPICS.synchronized;
    const open = [TOPICS.changelog, sharedTopic];
    const { did } = await fenced({ outcomes: ['abort', 'commit'], open, openUpTo: 7, sharedTopic, lastCommit });
    const places = 'changelog/1 synchronized/0 synchronized/1 synchronized/2';
    expect(did).toEqual([FENCE, `commit ${places}`, 'discard', FENCE]);
  });

  test('is not aborted in a topic that other partitions write to, if the later transaction is open elsewhere', async () => {
    const sharedTopic = TOPICS.synchronized;
    const open = [TOPICS.stalled, sharedTopic];
    const { did, result } = await fenced({ outcomes: ['abort'], open, sharedTopic, lastCommit });
    expect(result).toBeInstanceOf(HangingTransactionError);
    expect(String(result)).toContain(`abort --topic ${TOPICS.stalled} --partition 1 --start-offset 5`);
    expect(String(result)).not.toContain(`abort --topic ${sharedTopic}`);
    expect(did).toEqual([FENCE, 'discard']);
  });

  test('does not leave a later transaction open in a topic that other partitions write to', async () => {
    const sharedTopic = TOPICS.synchronized;
    // The later one begins behind it.
    const situation = { open: [TOPICS.changelog, sharedTopic], sharedTopic, opensAt: 8, openUpTo: 7 };
    const known = { ...lastCommit, endIn: () => 7, isLastIn: () => false };
    const { did, result } = await fenced({ outcomes: ['abort'], ...situation, lastCommit: known });
    expect(result).toBeInstanceOf(HangingTransactionError);
    expect(String(result)).toContain(`abort --topic ${sharedTopic} --partition 0 --start-offset 8`);
    expect(String(result)).not.toContain(`abort --topic ${TOPICS.changelog}`);
    expect(did).toEqual([FENCE, 'discard']);
  });

  test('is left out of an abort if its leader does not say whether it is open', async () => {
    const situation = { open: [TOPICS.changelog], openUpTo: 9, isOthers: null };
    const { did } = await fenced({ outcomes: ['abort', 'abort'], ...situation, lastCommit });
    expect(did).toEqual([FENCE, 'abort changelog/1 dead-letter/1 stalled/1 failed/1', 'discard', FENCE]);
  });

  test('leaves an offset that may be of a later transaction to the check of the positions', async () => {
    const others = { lastCommit: { ...lastCommit, hasLastOffset: false }, offsetIsPending: true };
    const { did } = await fenced({ outcomes: ['abort', 'commit'], open: [TOPICS.changelog], ...others });
    expect(did).toEqual([FENCE, 'commit changelog/1', 'discard', FENCE]);
  });
});

describe('an acknowledged commit that has lost its last rows', () => {
  const lastCommit: KnownCommit = { endIn: () => 8, isLastIn: () => true, wroteLast: () => true, hasLastOffset: true };

  test('is not committed again while it is open in the changelog: only there an operator aborts it', async () => {
    const open = [TOPICS.changelog, TOPICS.synchronized];
    const { did, reports, result } = await fenced({ outcomes: ['commit'], open, openUpTo: 7, lastCommit });
    expect(did).toEqual([FENCE, 'discard']);
    expect(reports).toEqual([]);
    expect(result).toBeInstanceOf(HangingTransactionError);
    expect(String(result)).toContain('have lost its last rows in the changelog, so it must not be committed there');
    expect(String(result)).toContain(`abort --topic ${TOPICS.changelog} --partition 1 --start-offset 5`);
    expect(String(result)).not.toContain(`abort --topic ${TOPICS.synchronized}`);
  });

  test.each<[string, Partial<Situation>]>([
    ['the changelog has all of it', { open: [TOPICS.changelog], openUpTo: 8 }],
    ['it is open only in an outbound topic, also without its end', { open: [TOPICS.synchronized], openUpTo: 7 }],
  ])('is committed again if %s', async (_, situation) => {
    const { did } = await fenced({ outcomes: ['commit', 'commit'], lastCommit, ...situation });
    expect(did).toEqual([FENCE, `commit ${EVERYWHERE}`, 'discard', FENCE]);
  });
});

test.each([TOPICS.changelog, TOPICS.synchronized])(
  'a transaction with an unknown outcome that is open in %s blocks the partition, with the command that ends it',
  async (topic) => {
    const { did, result } = await fenced({ outcomes: [null], open: [topic] });
    expect(did).toEqual([FENCE, 'discard']);
    expect(result).toBeInstanceOf(HangingTransactionError);
    expect(String(result)).toContain(`abort --topic ${topic} --partition 1 --start-offset 5`);
  },
);

test('if several places are open, the message has a complete command for each, with the real brokers', async () => {
  const { result } = await fenced({ outcomes: [null], open: [TOPICS.changelog, TOPICS.stalled] });
  const tool = 'kafka-transactions.sh --bootstrap-server a:9092,b:9092 abort --topic';
  expect(String(result)).toMatch(
    new RegExp(`: ${tool} changelog --partition 1 --start-offset 5 && ${tool} stalled --partition 1 --start-offset 5$`),
  );
});

test('an open offset alone with an unknown outcome is left to the check of the positions', async () => {
  const { did } = await fenced({ outcomes: [null], offsetIsPending: true });
  expect(did).toEqual([FENCE]);
});

describe('in a topic that other partitions write to', () => {
  const sharedTopic = TOPICS.synchronized;
  const all = [0, 1, 2].map((to) => `${sharedTopic}/${to}`).join(' ');
  const everywhere = `changelog/1 ${all} dead-letter/1 stalled/1 failed/1`;

  test("others' open transactions are left alone", async () => {
    const { did, asked } = await fenced({ outcomes: ['commit'], open: [sharedTopic], sharedTopic, isOthers: true });
    expect(did).toEqual([FENCE]);
    expect(asked.join(' ')).toBe(all);
  });

  test.each(['commit', 'abort'] as const)('what a %s has left open there alone is ended too', async (outcome) => {
    const { did } = await fenced({ outcomes: [outcome, outcome], open: [sharedTopic], sharedTopic });
    expect(did).toEqual([FENCE, `${outcome} ${everywhere}`, 'discard', FENCE]);
  });

  test('an owner whose last commit is long ago looks only at the partitions that it wrote to', async () => {
    const wroteLast = ({ topic, partition }: { topic: string; partition: number }) =>
      topic === sharedTopic && partition === 2;
    const lastCommit = { endIn: () => null, isLastIn: () => false, wroteLast, hasLastOffset: true };
    const { context, result, looked } = await fenced({ outcomes: ['commit'], sharedTopic, lastCommit });
    looked.length = 0;
    await leadersMustShowNothingOpen(context, PARTITION, result as TransactionalProducer);
    expect(looked.filter((at) => at.startsWith(sharedTopic))).toEqual([`${sharedTopic}/2`]);
    looked.length = 0;
    await mustBeSureNothingIsOpen(context, PARTITION, result as TransactionalProducer);
    expect(looked.filter((at) => at.startsWith(sharedTopic)).join(' ')).toBe(all);
  });
});

test('if the end cannot be repeated now, the producer is released', async () => {
  const fails = new BrokerError('the coordinator is gone');
  const { did, result } = await fenced({ outcomes: ['commit'], open: [TOPICS.changelog], fails });
  expect(result).toBe(fails);
  expect(did.at(-1)).toBe('discard');
});

test('a transaction that is still open after its end was repeated blocks the partition', async () => {
  const { did, result } = await fenced({ outcomes: ['commit', 'commit'], open: [TOPICS.changelog], staysOpen: true });
  expect(result).toBeInstanceOf(HangingTransactionError);
  expect(String(result)).toContain('Do not abort it');
  expect(String(result)).not.toContain('abort --topic');
  expect(did.at(-1)).toBe('discard');
});

test('an aborted transaction that is still open after its end was repeated has the command to abort it', async () => {
  const { result } = await fenced({ outcomes: ['abort', 'abort'], open: [TOPICS.changelog], staysOpen: true });
  expect(result).toBeInstanceOf(HangingTransactionError);
  expect(String(result)).toContain(`abort --topic ${TOPICS.changelog}`);
});

test('an owner that has lost a connection continues only if nothing is open', async () => {
  const { context, result } = await fenced({ outcomes: ['commit'] });
  const producer = result as TransactionalProducer;
  await expect(mustBeSureNothingIsOpen(context, PARTITION, producer)).resolves.toBeUndefined();
  const { context: open } = await fenced({ outcomes: [null], open: [TOPICS.changelog] });
  await expect(mustBeSureNothingIsOpen(open, PARTITION, producer)).rejects.toThrow(BrokerError);
});

test("an owner whose last commit is long ago checks for open transactions, and accepts the leaders' answers", async () => {
  const { context, result } = await fenced({ outcomes: ['commit'] });
  const producer = result as TransactionalProducer;
  const { context: few } = await fenced({ outcomes: ['commit'], isToldByFew: true });
  await expect(leadersMustShowNothingOpen(few, PARTITION, producer)).resolves.toBeUndefined();
  await expect(leadersMustShowNothingOpen(context, PARTITION, producer)).resolves.toBeUndefined();
  const { context: open } = await fenced({ outcomes: [null], open: [TOPICS.changelog] });
  await expect(leadersMustShowNothingOpen(open, PARTITION, producer)).rejects.toThrow(BrokerError);
});

test("a broker that has lost the leadership does not make our open transaction another producer's", async () => {
  const open = [TOPICS.synchronized];
  const { did, result } = await fenced({ outcomes: ['commit'], open, isOthers: true, leaderChanges: true });
  expect(result).toBeInstanceOf(StaleViewError);
  expect(did).toEqual([FENCE, 'discard']);
});

test("another deployment's open transaction in a shared topic is not touched", async () => {
  const { did, result } = await fenced({ outcomes: [null], open: [TOPICS.synchronized], isOthers: true });
  expect(did).toEqual([FENCE]);
  expect(result).not.toBeInstanceOf(Error);
});

test('no operator is asked to abort while too few brokers confirm that something is open', async () => {
  const { did, result } = await fenced({ outcomes: [null], open: [TOPICS.changelog], isToldByFew: true });
  expect(did).toEqual([FENCE, 'discard']);
  expect(result).toBeInstanceOf(StaleViewError);
});

test.each(['commit', 'abort', null] as const)(
  'after a last outcome of %s, nothing counts as known to be closed while too few brokers name a leader',
  async (outcome) => {
    for (const topic of [TOPICS.changelog, TOPICS.synchronized]) {
      const { did, result } = await fenced({ outcomes: [outcome], isToldByFew: topic });
      expect(result).toBeInstanceOf(StaleViewError);
      expect(did).toEqual([FENCE, 'discard']);
    }
  },
);

test("another producer's open transaction does not hide our own behind a broker that is cut off", async () => {
  const open = [TOPICS.synchronized];
  const { result } = await fenced({ outcomes: ['commit'], open, isOthers: true, isToldByFew: TOPICS.synchronized });
  expect(result).toBeInstanceOf(StaleViewError);
});

test('if brokers do not report whose transaction is open in a shared topic, it is not touched', async () => {
  const { did, result } = await fenced({ outcomes: [null], open: [TOPICS.synchronized], isOthers: null });
  expect(did).toEqual([FENCE]);
  expect(result).not.toBeInstanceOf(Error);
});

test('no operator is asked to abort anything while too few brokers confirm one of the open places', async () => {
  const open = [TOPICS.changelog, TOPICS.synchronized];
  const { result } = await fenced({ outcomes: [null], open, isToldByFew: TOPICS.synchronized });
  expect(result).toBeInstanceOf(StaleViewError);
});

test.each([true, false])(
  'a group coordinator that too few brokers name is not believed, whether it says that an offset is pending: %s',
  async (offsetIsPending) => {
    for (const outcome of ['commit', 'abort', null] as const) {
      const { did, result } = await fenced({ outcomes: [outcome], offsetIsPending, offsetIsToldByFew: true });
      expect(result).toBeInstanceOf(StaleViewError);
      expect(did).toEqual([FENCE, 'discard']);
    }
  },
);
