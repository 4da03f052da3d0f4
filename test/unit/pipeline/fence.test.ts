/** What the brokers left open of the last transaction: found, and ended as the coordinator had decided. */
import type { PipelineContext } from '../../../src/pipeline/context.js';
import { BrokerError } from '../../../src/pipeline/errors.js';
import { fence } from '../../../src/pipeline/fence.js';
import type { LogBounds, TransactionOutcome, TransactionalProducer } from '../../../src/pipeline/ports.js';
import { TOPICS } from './topics.js';

const PARTITION = 1;
const WHOLE: LogBounds = { start: 0, end: 7, highWatermark: 7 };
const OPEN: LogBounds = { start: 0, end: 5, highWatermark: 7 };
/** With as many partitions of each topic as the input has. */
const ALIGNED = ['begin changelog/1 synchronized/1 dead-letter/1 stalled/1'];

interface Situation {
  /** Of each fencing in turn. */
  readonly outcomes: readonly (TransactionOutcome | null)[];
  /** Topics in which a transaction is open. */
  readonly open?: readonly string[];
  readonly offsetIsPending?: boolean;
  readonly sharedTopic?: string;
  readonly beginFails?: Error;
}

function never(): never {
  throw new Error('that should not have been asked for');
}

async function fenced({ outcomes, open = [], offsetIsPending = false, sharedTopic, beginFails }: Situation) {
  const did: string[] = [];
  const told: unknown[] = [];
  const looked: string[] = [];
  const left = [...outcomes];
  const fenceOnce = (id: string): Promise<TransactionalProducer> => {
    const lastOutcome = left.shift();
    if (lastOutcome === undefined) never();
    did.push(`fence ${id}`);
    const does = (what: string) => () => {
      did.push(what);
      return Promise.resolve();
    };
    return Promise.resolve({
      ...{ lastOutcome, prepare: never, produce: never, sendOffset: never },
      begin: (to) => {
        did.push(`begin ${to.map(({ topic, partition }) => `${topic}/${partition}`).join(' ')}`);
        return beginFails === undefined ? Promise.resolve() : Promise.reject(beginFails);
      },
      ...{ commit: does('commit'), discard: does('discard') },
    });
  };
  const context: Partial<PipelineContext> = {
    applicationId: 'app',
    topics: TOPICS,
    transactions: { fence: fenceOnce },
    partitioner: {
      partitionFor: never,
      targets: (topic, partition) =>
        topic === sharedTopic ? { partitions: [0, 1, 2], alone: false } : { partitions: [partition], alone: true },
    },
    inputLogs: {
      ...{ reader: never, bounds: never, committedOffset: never },
      offsetIsPending: () => Promise.resolve(offsetIsPending),
    },
    changelogLogs: {
      ...{ reader: never, committedOffset: never, offsetIsPending: never },
      bounds: ({ topic, partition }) => {
        looked.push(`${topic}/${partition}`);
        return Promise.resolve(open.includes(topic) ? OPEN : WHOLE);
      },
    },
    observer: { leftOpen: (...what: unknown[]) => told.push(what) } as Partial<
      PipelineContext['observer']
    > as PipelineContext['observer'],
  };
  const outcome = await fence(context as PipelineContext, PARTITION).catch((error: unknown) => error);
  return { did, told, looked, outcome };
}

const FENCE = `fence app-${TOPICS.input}-1`;

test('where nothing is open, the owner has what fencing gave', async () => {
  const { did, told } = await fenced({ outcomes: ['commit'] });
  expect(did).toEqual([FENCE]);
  expect(told).toEqual([]);
});

test.each([TOPICS.changelog, TOPICS.synchronized, TOPICS.deadLetter, TOPICS.stalled])(
  'what was committed and is open in %s is committed there too',
  async (topic) => {
    const { did, told } = await fenced({ outcomes: ['commit', 'commit'], open: [topic] });
    expect(did).toEqual([FENCE, ...ALIGNED, 'commit', 'discard', FENCE]);
    expect(told).toEqual([[1, 'commit', [`${topic}/1 from offset 5 on`]]]);
  },
);

test('what was aborted and is open somewhere is aborted there too, by fencing', async () => {
  const { did } = await fenced({ outcomes: ['abort', 'abort'], open: [TOPICS.changelog] });
  expect(did).toEqual([FENCE, ...ALIGNED, 'discard', FENCE]);
});

test("an offset that is pending alone counts, as the group's", async () => {
  const { did, told } = await fenced({ outcomes: ['commit', 'commit'], offsetIsPending: true });
  expect(did).toEqual([FENCE, ...ALIGNED, 'commit', 'discard', FENCE]);
  expect(told).toEqual([[1, 'commit', [`the group's offset in ${TOPICS.input}/1`]]]);
});

test('what nobody knows the outcome of is left as it is', async () => {
  const { did, looked } = await fenced({ outcomes: [null], open: [TOPICS.changelog], offsetIsPending: true });
  expect(did).toEqual([FENCE]);
  expect(looked).toEqual([]);
});

test('what is open in a topic that other partitions write to may be theirs: it is ended with the rest, and not looked at', async () => {
  const sharedTopic = TOPICS.synchronized;
  const quiet = await fenced({ outcomes: ['commit'], open: [sharedTopic], sharedTopic });
  expect(quiet.did).toEqual([FENCE]);
  expect(quiet.looked.filter((at) => at.startsWith(sharedTopic))).toEqual([]);

  const { did } = await fenced({ outcomes: ['commit', 'commit'], open: [TOPICS.changelog], sharedTopic });
  expect(did[1]).toBe(
    `begin changelog/1 ${[0, 1, 2].map((to) => `${sharedTopic}/${to}`).join(' ')} dead-letter/1 stalled/1`,
  );
});

test('what cannot be ended now lets go of the producer', async () => {
  const failure = new BrokerError('the leader is gone');
  const { did, outcome } = await fenced({ outcomes: ['commit'], open: [TOPICS.changelog], beginFails: failure });
  expect(outcome).toBe(failure);
  expect(did.at(-1)).toBe('discard');
});
