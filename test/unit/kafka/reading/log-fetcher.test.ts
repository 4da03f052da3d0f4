/** Which fetch is sent when, with brokers that answer only when the test says so. */
import { setImmediate as turnOfEventLoop } from 'node:timers/promises';
import type { ConnectedBroker } from '../../../../src/kafka/protocol/protocol-call.js';
import type { FetchedPartition, FetchResponse } from '../../../../src/kafka/protocol/fetch-shared.js';
import {
  TopicRecreatedError,
  UnknownPartitionError,
  type Leader,
} from '../../../../src/kafka/connection/leader-directory.js';
import { LogFetcher, type Lane } from '../../../../src/kafka/reading/log-fetcher.js';
import { PartitionReader } from '../../../../src/kafka/reading/log-reader.js';
import type { LogKind } from '../../../../src/kafka/reading/reading-terms.js';
import type { TopicPartition } from '../../../../src/lib/record.js';
import { BrokerError, OffsetOutOfRangeError, UnreadableBatchError } from '../../../../src/pipeline/errors.js';
import { buildBatch } from '../protocol/build-batch.js';
import { READING_TERMS } from './reading-terms.js';
import { ManualClock } from '../../../support/manual-clock.js';

const MAX_PARTITION_BYTES = 1_000;
/** In an encoded Fetch request, behind the replica id. */
const MAX_WAIT_AT = 4;
const LEADER_EPOCH_AT = 29 + 7 + 4;
const OUT_OF_RANGE = 1;
const NOT_LEADER = 6;
const LEADER_EPOCH = 3;
const NOT_AUTHORIZED = 29;

interface Fetch {
  readonly lane: 'tail' | 'catchUp';
  readonly address: string;
  /** In the order asked for. */
  readonly partitions: readonly number[];
  readonly maxWaitMs: number;
  /** Of the first partition. */
  readonly leaderEpoch: number;
  answer(...partitions: readonly FetchedPartition[]): Promise<void>;
  /** The answer of a broker if a quota is exceeded. */
  throttle(): Promise<void>;
  fail(error: Error): Promise<void>;
}

/** Records from one offset up to another, of `bytes` each, in a log that ends at `end`. */
function records(partition: number, from: number, to: number, end = to, bytes = 10): FetchedPartition {
  const list = Array.from({ length: to - from }, (_, i) => ({
    offset: from + i,
    key: null,
    value: Buffer.alloc(bytes),
  }));
  const batch = buildBatch({ baseOffset: from, lastOffset: to - 1, records: list });
  return { ...nothing(partition, end), records: batch };
}

function nothing(partition: number, end: number): FetchedPartition {
  return {
    topic: 't',
    partition,
    errorCode: 0,
    lastStableOffset: end,
    abortedTransactions: [],
    records: Buffer.alloc(0),
  };
}

function refusal(partition: number, errorCode: number): FetchedPartition {
  return { ...nothing(partition, -1), errorCode };
}

class World {
  readonly #clock = new ManualClock();
  readonly inFlight: Fetch[] = [];
  readonly troubles: string[] = [];
  readonly lookUps: number[] = [];
  readonly refreshed: string[] = [];
  readonly dropped: string[] = [];
  /** By partition; not known until looked up. */
  readonly leaders = new Map<number, string>();
  topicId: string | null = null;
  leaderEpoch = LEADER_EPOCH;
  readonly epochsAsked: number[] = [];
  endOfEpoch: (epoch: number) => Promise<number | null> = () => Promise.resolve(null);
  readonly #known = new Map<number, Leader>();
  readonly #fetcher: LogFetcher;

  constructor(judge: (offset: number) => Error | null = () => null) {
    const directory = {
      known: ({ partition }: TopicPartition) => this.#known.get(partition),
      forget: ({ partition }: TopicPartition) => void this.#known.delete(partition),
      topicId: () => this.topicId,
      find: ({ partition }: TopicPartition): Promise<Leader> => {
        this.lookUps.push(partition);
        const address = this.leaders.get(partition);
        if (address === undefined)
          return Promise.reject(new UnknownPartitionError(`partition ${partition} does not exist`));
        const leader = { address, epoch: this.leaderEpoch };
        this.#known.set(partition, leader);
        return Promise.resolve(leader);
      },
      lookUp: (topic: string) => {
        this.refreshed.push(topic);
        return Promise.reject(new Error('no broker answers'));
      },
    };
    this.#fetcher = new LogFetcher(
      { tail: { ...this.#lane('tail'), waitMs: { shortest: 50, longest: 400 } }, catchUp: this.#lane('catchUp') },
      directory,
      this.#clock,
      ({ partition }, error) => this.troubles.push(`${partition}: ${error.message}`),
      {
        judgeRange: (_at, offset) => Promise.resolve(judge(offset)),
        endOfEpoch: (_at, epoch) => {
          this.epochsAsked.push(epoch);
          return this.endOfEpoch(epoch);
        },
      },
      new AbortController().signal,
    );
  }

  reader(partition: number, from = 0, kind: LogKind = 'uncompacted', leaderEpoch = -1): PartitionReader {
    const reader = new PartitionReader({ topic: 't', partition }, from, this.#fetcher, {
      ...READING_TERMS,
      kind,
      maxPartitionBytes: MAX_PARTITION_BYTES,
    });
    this.#fetcher.serve(reader, { topicId: this.topicId, leaderEpoch });
    return reader;
  }

  /** The only fetch in flight on a lane, after all possible work is done. */
  async fetch(lane: Fetch['lane']): Promise<Fetch> {
    await turnOfEventLoop();
    const found = this.inFlight.filter((fetch) => fetch.lane === lane);
    if (found.length !== 1) throw new Error(`${found.length} fetches are in flight on lane ${lane}`);
    return found[0]!;
  }

  get now(): number {
    return this.#clock.now();
  }

  async pass(ms: number): Promise<void> {
    this.#clock.advance(ms);
    await turnOfEventLoop();
  }

  #lane(lane: Fetch['lane']): Lane {
    return {
      limits: { maxBytes: 1e6, maxPartitionBytes: MAX_PARTITION_BYTES, maxBatchBytes: 1e6 },
      connections: {
        ask: <T>(address: string, question: (broker: ConnectedBroker) => Promise<T>) =>
          question(this.#broker(lane, address)),
        drop: (address) => void this.dropped.push(`${lane} ${address}`),
      },
    };
  }

  #broker(lane: Fetch['lane'], address: string): ConnectedBroker {
    const send = ({ request }: { request: { encode(): { buffer: Buffer } } }): Promise<FetchResponse> =>
      new Promise((resolve, reject) => {
        const over = (end: () => void): Promise<void> => {
          this.inFlight.splice(this.inFlight.indexOf(fetch), 1);
          end();
          return turnOfEventLoop();
        };
        const fetch: Fetch = {
          lane,
          address,
          partitions: partitionsOf(request.encode().buffer),
          maxWaitMs: request.encode().buffer.readInt32BE(MAX_WAIT_AT),
          leaderEpoch: request.encode().buffer.readInt32BE(LEADER_EPOCH_AT),
          answer: (...partitions) => over(() => resolve({ clientSideThrottleTime: 0, errorCode: 0, partitions })),
          throttle: () => over(() => resolve({ clientSideThrottleTime: 1_000, errorCode: 0, partitions: [] })),
          fail: (error) => over(() => reject(error)),
        };
        this.inFlight.push(fetch);
      });
    return { connectionPool: { send } } as unknown as ConnectedBroker;
  }
}

/** The partitions of an encoded Fetch request, each of topic 't'. */
function partitionsOf(request: Buffer): number[] {
  const [fixed, each, partitionAt] = [29, 35, 7];
  return Array.from({ length: request.readInt32BE(25) }, (_, i) => request.readInt32BE(fixed + each * i + partitionAt));
}

function worldOf(...partitions: number[]): World {
  const world = new World();
  for (const partition of partitions) world.leaders.set(partition, 'one:9092');
  return world;
}

test('a new reader is not delayed by a fetch that waits for new records', async () => {
  const world = worldOf(0, 1);
  world.reader(0);
  await (await world.fetch('catchUp')).answer(nothing(0, 0));
  expect((await world.fetch('tail')).partitions).toEqual([0]);

  world.reader(1);
  expect((await world.fetch('catchUp')).partitions).toEqual([1]);
});

test('the fetch at the end waits longer and longer without records, and briefly again after records came', async () => {
  const world = worldOf(0, 1);
  world.reader(0);
  const first = await world.fetch('catchUp');
  expect(first.maxWaitMs).toBe(0);
  await first.answer(nothing(0, 0));
  const waited = async (answer: FetchedPartition): Promise<number> => {
    const fetch = await world.fetch('tail');
    await fetch.answer(answer);
    return fetch.maxWaitMs;
  };
  const waits: number[] = [];
  for (let i = 0; i < 5; i++) waits.push(await waited(nothing(0, 0)));
  expect(waits).toEqual([50, 100, 200, 400, 400]);
  expect(await waited(records(0, 0, 1))).toBe(400);
  expect(await waited(nothing(0, 1))).toBe(50);
  expect(await waited(nothing(0, 1))).toBe(100);

  // The fetch in progress is not ended early for another reader. But the next fetch, which it joins, is short.
  world.reader(1);
  await (await world.fetch('catchUp')).answer(nothing(1, 0));
  expect(await waited(nothing(0, 1))).toBe(200);
  const joined = await world.fetch('tail');
  expect([joined.maxWaitMs, joined.partitions]).toEqual([50, [1, 0]]);
});

test('a reader that is behind stays out of the fetch that waits, until it has caught up', async () => {
  const world = worldOf(0);
  const reader = world.reader(0);
  const next = reader.next(100);
  await (await world.fetch('catchUp')).answer(records(0, 0, 3, 6));
  expect((await next).nextOffset).toBe(3);
  await (await world.fetch('catchUp')).answer(records(0, 3, 6, 6));
  expect((await world.fetch('tail')).partitions).toEqual([0]);
  expect(world.inFlight).toHaveLength(1);
});

test('a reader with enough buffered records is not fetched for until some were read', async () => {
  const world = worldOf(0);
  const reader = world.reader(0);
  await (await world.fetch('catchUp')).answer(records(0, 0, 10, 20, 90));
  await turnOfEventLoop();
  expect(world.inFlight).toEqual([]);
  await reader.next(3);
  await turnOfEventLoop();
  expect(world.inFlight).toEqual([]);
  await reader.next(3);
  expect((await world.fetch('catchUp')).partitions).toEqual([0]);
});

test('partitions without records come first in the next fetch, so that the largest batch gets through', async () => {
  const world = worldOf(0, 1, 2);
  for (const partition of [0, 1, 2]) world.reader(partition);
  const first = await world.fetch('catchUp');
  expect(first.partitions).toEqual([0, 1, 2]);
  await first.answer(records(0, 0, 1, 9), nothing(1, 0), records(2, 0, 1, 9));
  await (await world.fetch('tail')).answer(nothing(1, 0));
  const second = await world.fetch('catchUp');
  expect(second.partitions).toEqual([0, 2]);
  world.reader(1);
  await second.answer(records(0, 1, 2, 9), records(2, 1, 2, 9));
  expect((await world.fetch('catchUp')).partitions).toEqual([1, 0, 2]);
});

test('if compaction has removed the rest, a reader moves to the end once its partition was first in a fetch', async () => {
  const world = new World();
  world.leaders.set(0, 'a:1').set(1, 'a:1');
  const [compacted, whole] = [world.reader(0, 3, 'compacted'), world.reader(1, 3)];
  const passed = compacted.next(10);
  void whole.next(10).catch(() => undefined);
  // After the other partition, it may have got nothing because the answer was full.
  const crowded = await world.fetch('catchUp');
  expect(crowded.partitions).toEqual([0, 1]);
  await crowded.answer(nothing(1, 9), records(0, 3, 5, 9));
  expect(await passed).toMatchObject({ nextOffset: 5 });
  const rest = compacted.next(10);
  const alone = await world.fetch('catchUp');
  expect(alone.partitions).toEqual([0]);
  await alone.answer(nothing(0, 9));
  expect(await rest).toEqual({ records: [], nextOffset: 9, endOffset: 9, leaderEpoch: LEADER_EPOCH });
  expect(whole.fetchOffset).toBe(3);
});

test('each leader is asked for its own partitions', async () => {
  const world = worldOf(0, 1);
  world.leaders.set(2, 'two:9092');
  for (const partition of [0, 1, 2]) world.reader(partition);
  await turnOfEventLoop();
  expect(world.inFlight.map(({ address, partitions }) => [address, partitions])).toEqual([
    ['one:9092', [0, 1]],
    ['two:9092', [2]],
  ]);
});

test('a reader follows its partition to the new leader, and the others continue', async () => {
  const world = worldOf(0, 1);
  for (const partition of [0, 1]) world.reader(partition);
  const first = await world.fetch('catchUp');
  world.leaders.set(0, 'two:9092');
  await first.answer(refusal(0, NOT_LEADER), records(1, 0, 1, 9));
  expect(world.troubles).toEqual(['0: Fetch for t-0 was refused: NOT_LEADER_OR_FOLLOWER (6)']);
  expect((await world.fetch('catchUp')).partitions).toEqual([1]);
  await world.pass(20);
  expect(world.inFlight.map(({ address }) => address)).toEqual(['one:9092', 'two:9092']);
});

test('a connection that fails is dropped, and opened again after longer and longer waits', async () => {
  const world = worldOf(0);
  world.reader(0);
  const waits: number[] = [];
  for (let i = 0; i < 8; i++) {
    await (await world.fetch('catchUp')).fail(new Error('cut'));
    const failedAt = world.now;
    while (world.inFlight.length === 0) await world.pass(10);
    waits.push(world.now - failedAt);
  }
  expect(waits).toEqual([20, 40, 80, 160, 320, 640, 1_000, 1_000]);
  expect(world.dropped).toEqual(Array(8).fill('catchUp one:9092'));
  expect(world.lookUps).toHaveLength(9);
});

test('an answer that lacks a partition is an error of this partition only', async () => {
  const world = worldOf(0, 1);
  const reader = world.reader(0);
  world.reader(1);
  await (await world.fetch('catchUp')).answer(nothing(1, 0), nothing(1, 0));
  expect(world.troubles).toEqual(['0: the answer to Fetch does not contain t/0']);
  expect((await world.fetch('tail')).partitions).toEqual([1]);
  const next = reader.next(1);
  await world.pass(20);
  await (await world.fetch('catchUp')).answer(records(0, 0, 1));
  expect((await next).nextOffset).toBe(1);
});

test('an empty answer because of a quota is not an error', async () => {
  const world = worldOf(0);
  world.reader(0);
  await (await world.fetch('catchUp')).throttle();
  expect((await world.fetch('catchUp')).partitions).toEqual([0]);
  expect(world.troubles).toEqual([]);
});

test('trouble is reported when it begins, and then twice a minute', async () => {
  const world = worldOf(0);
  world.reader(0);
  const failFor = async (ms: number): Promise<void> => {
    for (const until = world.now + ms; world.now < until; await world.pass(1_000))
      await (await world.fetch('catchUp')).fail(new Error('cut'));
  };
  await failFor(29_000);
  expect(world.troubles).toEqual(['0: cut']);
  await failFor(32_000);
  expect(world.troubles).toEqual(['0: cut', '0: cut', '0: cut']);
  await (await world.fetch('catchUp')).answer(records(0, 0, 1, 9));
  await failFor(1_000);
  expect(world.troubles).toHaveLength(4);
});

test('a partition that stays unknown ends the reader', async () => {
  const world = worldOf();
  const next = world.reader(5).next(1);
  const ended = expect(next).rejects.toThrow(BrokerError);
  await turnOfEventLoop();
  while (world.now < 12_000) await world.pass(500);
  await ended;
});

test('a missing permission ends the reader with that error', async () => {
  const world = worldOf(0);
  const next = world.reader(0).next(1);
  const ended = expect(next).rejects.toThrow('Fetch for t-0 was refused: TOPIC_AUTHORIZATION_FAILED (29)');
  await (await world.fetch('catchUp')).answer(refusal(0, NOT_AUTHORIZED));
  await ended;
});

test('records that were fetched before the position left the log are read before the error', async () => {
  const world = new World((offset) => new OffsetOutOfRangeError(`offset ${offset}`));
  world.leaders.set(0, 'one:9092');
  const reader = world.reader(0);
  await (await world.fetch('catchUp')).answer(records(0, 0, 2, 9));
  await (await world.fetch('catchUp')).answer(refusal(0, OUT_OF_RANGE));
  expect((await reader.next(10)).nextOffset).toBe(2);
  await expect(reader.next(10)).rejects.toThrow(new OffsetOutOfRangeError('offset 2'));
});

test('a refused offset that is in the log after all is fetched again', async () => {
  const world = worldOf(0);
  world.reader(0, 7);
  await (await world.fetch('catchUp')).answer(refusal(0, OUT_OF_RANGE));
  await world.pass(20);
  expect((await world.fetch('catchUp')).partitions).toEqual([0]);
});

test('a reader that is closed during its fetch gets no records of it, and is not fetched for again', async () => {
  const world = worldOf(0);
  const reader = world.reader(0);
  const fetch = await world.fetch('catchUp');
  reader.close();
  await fetch.answer(records(0, 0, 1, 9));
  expect(world.inFlight).toEqual([]);
  await expect(reader.next(1)).rejects.toThrow('is closed');
});

test('broken records end their reader after the records before them, and no other reader', async () => {
  const world = worldOf(0, 1);
  const [broken, intact] = [world.reader(0), world.reader(1)];
  const good = records(0, 0, 2, 9);
  const bad = Buffer.concat([good.records, records(0, 2, 3).records.fill(0x7f, 61)]);
  await (await world.fetch('catchUp')).answer({ ...good, records: bad }, records(1, 0, 2));
  expect((await broken.next(10)).nextOffset).toBe(2);
  await expect(broken.next(10)).rejects.toThrow(UnreadableBatchError);
  expect((await intact.next(10)).nextOffset).toBe(2);
});

/** The error of kafkajs's patched connection. */
function answerTooLarge(): Error {
  const message = 'Connection error: the server claims an answer of 900 bytes, more than the limit of 500';
  return Object.assign(new Error(message), { code: 'ANSWER_TOO_LARGE' });
}

test('an answer that is too large makes each partition be fetched alone, and ends only the reader whose answer it is', async () => {
  const world = worldOf(0, 1, 2);
  const [good, large, other] = [world.reader(0), world.reader(1), world.reader(2)];
  await (await world.fetch('catchUp')).fail(answerTooLarge());
  await world.pass(20);
  const seen: (readonly number[])[] = [];
  for (let i = 0; i < 4; i++) {
    const fetch = await world.fetch('catchUp');
    seen.push(fetch.partitions);
    if (fetch.partitions.includes(1)) {
      await fetch.fail(answerTooLarge());
      await (await world.fetch('catchUp')).answer(nothing(1, 9));
    } else await fetch.answer(...fetch.partitions.map((partition) => records(partition, 10 * i, 10 * i + 10, 99)));
    await world.pass(20);
  }
  expect(seen.slice(0, 3).sort()).toEqual([[0], [1], [2]]);
  expect(seen[3]).toEqual([0, 2]);
  await expect(large.next(1)).rejects.toThrow(UnreadableBatchError);
  await expect(large.next(1)).rejects.toThrow(
    /t\/1 from offset 0 on cannot be read: .*more than the limit of 500.*may have 33554432 bytes.*MAX_BATCH_BYTES/,
  );
  expect([(await good.next(1)).records.length, (await other.next(1)).records.length]).toEqual([1, 1]);
});

/** The header of a batch of these offsets, with one byte of its records. */
function head(partition: number, from: number, to: number, bytes: number): FetchedPartition {
  const batch = Buffer.from(records(partition, from, to).records.subarray(0, 62));
  batch.writeInt32BE(bytes - 12, 8);
  return { ...nothing(partition, 99), records: batch };
}

/** A reader of partition 0 from offset 5 on, whose leader wants to send too much there. */
async function readerOfLargeBatch() {
  const world = worldOf(0);
  const reader = world.reader(0, 5);
  await (await world.fetch('catchUp')).fail(answerTooLarge());
  await world.pass(20);
  await (await world.fetch('catchUp')).fail(answerTooLarge());
  return { world, reader };
}

test.each([
  ['the next batch follows', head(0, 20, 30, 62), 50_000_000, 'MAX_BATCH_BYTES=400000000'],
  ['it is the last one', nothing(0, 20), 50_000_000, 'MAX_BATCH_BYTES=400000000'],
  [
    'no MAX_BATCH_BYTES allows so much',
    nothing(0, 20),
    125_000_000,
    'no MAX_BATCH_BYTES allows it: its limit is 999999999',
  ],
])('the end of a batch that is too large comes from its header: %s', async (_, next, bytes, wayOut) => {
  const { world, reader } = await readerOfLargeBatch();
  await (await world.fetch('catchUp')).answer(head(0, 3, 20, bytes));
  await (await world.fetch('catchUp')).answer(next);
  await expect(reader.next(1)).rejects.toThrow(
    new RegExp(
      `t/0 at offsets 5 to 19 cannot be read: it has ${bytes} bytes, and a fetched batch may have 33554432. ` +
        `.*${wayOut}.*read on at 20`,
    ),
  );
});

test.each([
  ['the next batch begins before it', [head(0, 3, 20, 50_000_000), head(0, 19, 30, 62)]],
  ['the log goes on without a batch', [head(0, 3, 20, 50_000_000), nothing(0, 21)]],
  ['it claims to end beyond the log', [head(0, 3, 20, 50_000_000), refusal(0, OUT_OF_RANGE)]],
  ['it claims to end where it was asked for', [head(0, 3, 5, 50_000_000)]],
  ['it has no header', [{ ...nothing(0, 99), records: Buffer.alloc(61) }]],
])('the end of a batch that is too large is unknown if %s', async (_, answers) => {
  const { world, reader } = await readerOfLargeBatch();
  for (const answer of answers) await (await world.fetch('catchUp')).answer(answer);
  await expect(reader.next(1)).rejects.toThrow(/t\/0 from offset 5 on cannot be read: .*the server claims/);
});

test('the end of a batch that is too large is looked for again if its leader has moved', async () => {
  const { world, reader } = await readerOfLargeBatch();
  await (await world.fetch('catchUp')).answer(refusal(0, NOT_LEADER));
  expect(world.inFlight).toEqual([]);
  await world.pass(1_000);
  await (await world.fetch('catchUp')).fail(answerTooLarge());
  await (await world.fetch('catchUp')).answer(head(0, 3, 20, 50_000_000));
  await (await world.fetch('catchUp')).answer(nothing(0, 20));
  await expect(reader.next(1)).rejects.toThrow('at offsets 5 to 19');
});

test('leaders are looked up once a minute, because a broker that is cut off does not report it', async () => {
  const world = worldOf(0);
  world.reader(0);
  await (await world.fetch('catchUp')).answer(nothing(0, 0));
  await world.pass(59_000);
  await (await world.fetch('tail')).answer(nothing(0, 0));
  expect(world.refreshed).toEqual([]);
  await world.pass(1_000);
  await (await world.fetch('tail')).answer(nothing(0, 0));
  expect(world.refreshed).toEqual(['t']);
  await (await world.fetch('tail')).answer(nothing(0, 0));
  expect(world.refreshed).toEqual(['t']);
});

test('a reader ends when its topic was deleted and another one created under its name', async () => {
  const world = worldOf(0);
  world.topicId = 'first';
  const reader = world.reader(0, 7);
  const fetch = await world.fetch('catchUp');
  const ended = expect(reader.next(10)).rejects.toThrow(TopicRecreatedError);
  world.topicId = 'second';
  await fetch.answer(nothing(0, 7));
  await ended;
  expect(world.inFlight).toEqual([]);
});

test('the waits of former leaders are forgotten, because brokers may come back under new addresses', async () => {
  const world = worldOf(0);
  world.reader(0);
  await (await world.fetch('catchUp')).answer(nothing(0, 0));
  const waits: number[] = [];
  const wait = async () => {
    const fetch = await world.fetch('tail');
    waits.push(fetch.maxWaitMs);
    return fetch;
  };
  const moveTo = async (address: string) => {
    world.leaders.set(0, address);
    await (await wait()).answer(refusal(0, NOT_LEADER));
    await world.pass(1_000);
  };
  const former = world.leaders.get(0) as string;
  for (let i = 0; i < 3; i++) await (await wait()).answer(nothing(0, 0));
  await moveTo('two:9092');
  await world.pass(60_000);
  await (await wait()).answer(nothing(0, 0));
  await moveTo(former);
  expect((await wait()).address).toBe(former);
  expect(waits).toEqual([50, 100, 200, 400, 50, 100, 50]);
});

test('a request has the known leader epoch, so that a leader that is cut off refuses', async () => {
  const world = worldOf(0);
  world.reader(0);
  expect((await world.fetch('catchUp')).leaderEpoch).toBe(LEADER_EPOCH);
});

const LOST = (end: number): string => `that epoch now ends at ${end}`;

test('a reader continues with a leader of a later epoch that has all records that were read', async () => {
  const world = worldOf(0);
  world.leaderEpoch = 4;
  world.endOfEpoch = () => Promise.resolve(7);
  world.reader(0, 7, 'uncompacted', 3);
  expect(await world.fetch('catchUp')).toMatchObject({ partitions: [0], leaderEpoch: 4 });
  expect(world.epochsAsked).toEqual([3]);
});

test('a reader ends if a leader of a later epoch lacks records that were read, even if its log has grown past the position', async () => {
  const world = worldOf(0);
  world.leaderEpoch = 4;
  world.endOfEpoch = () => Promise.resolve(6);
  const next = world.reader(0, 7, 'uncompacted', 3).next(10);
  await expect(next).rejects.toThrow(LOST(6));
  expect(world.inFlight).toEqual([]);
});

test('when the leader changes, it is asked for the end of the epoch that the reader has read from', async () => {
  const world = worldOf(0);
  const reader = world.reader(0);
  await (await world.fetch('catchUp')).answer(records(0, 0, 2, 9));
  expect(await reader.next(10)).toMatchObject({ nextOffset: 2, leaderEpoch: LEADER_EPOCH });
  world.leaderEpoch = LEADER_EPOCH + 1;
  world.endOfEpoch = () => Promise.resolve(1);
  await (await world.fetch('catchUp')).answer(refusal(0, NOT_LEADER));
  const ended = expect(reader.next(10)).rejects.toThrow(LOST(1));
  await world.pass(20);
  await ended;
  expect(world.epochsAsked).toEqual([LEADER_EPOCH]);
});

test('a leader that does not know the end of an epoch yet is asked again', async () => {
  const world = worldOf(0);
  world.leaderEpoch = 4;
  const answers = [() => Promise.reject(new Error('not yet')), () => Promise.resolve(9)];
  world.endOfEpoch = () => (answers.shift() as () => Promise<number>)();
  world.reader(0, 7, 'uncompacted', 3);
  await turnOfEventLoop();
  expect(world.inFlight).toEqual([]);
  await world.pass(20);
  expect((await world.fetch('catchUp')).partitions).toEqual([0]);
});
