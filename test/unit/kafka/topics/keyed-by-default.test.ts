import { createHash } from 'node:crypto';
import { placementByKey } from '../../../../src/kafka/topics/keyed-by-default.js';
import { partitionOfKey } from '../../../../src/kafka/transactions/partitioner.js';
import type { LogRecord, TopicPartition } from '../../../../src/lib/record.js';
import type { LogReader } from '../../../../src/pipeline/ports.js';
import { SEEN_BY_MOST } from '../../../support/seen-by-most.js';

type Partitioner = (key: Buffer, partitions: number) => number;

/** A topic in memory. */
class Topic {
  readonly #partitions: LogRecord[][];

  constructor(count: number) {
    this.#partitions = Array.from({ length: count }, () => []);
  }

  write(key: string, partitioner: Partitioner, value = 'from the platform'): void {
    const bytes = Buffer.from(key);
    const log = this.#partitions[partitioner(bytes, this.#partitions.length)] ?? [];
    log.push({ offset: log.length, timestamp: 0, key: bytes, value: Buffer.from(value), headers: [] });
  }

  grow(count: number): void {
    while (this.#partitions.length < count) this.#partitions.push([]);
  }

  placement(isWitness: (record: LogRecord) => boolean = () => true) {
    return placementByKey(this, 'topic', this.#partitions.length, isWitness);
  }

  async judged(isWitness?: (record: LogRecord) => boolean) {
    return (await this.placement(isWitness)).foreign;
  }

  bounds({ partition }: TopicPartition) {
    const end = this.#partitions[partition]?.length ?? 0;
    return Promise.resolve({ start: 0, end, highWatermark: end, ...SEEN_BY_MOST });
  }

  reader({ partition }: TopicPartition, from: number): LogReader {
    const records = this.#partitions[partition]?.slice(from) ?? [];
    return {
      next: () =>
        Promise.resolve({
          records,
          nextOffset: from + records.length,
          endOffset: from + records.length,
          leaderEpoch: -1,
        }),
      close: () => undefined,
    };
  }
}

const byMd5: Partitioner = (key, partitions) => createHash('md5').update(key).digest().readUInt32BE() % partitions;
const next: Partitioner = (key, partitions) => (partitionOfKey(key, partitions) + 1) % partitions;
const companies = (count: number) => Array.from({ length: count }, (_, i) => `company-${i}`);

test.each([2, 3, 12])('another partitioner is detected with %i partitions', async (partitions) => {
  const topic = new Topic(partitions);
  for (const company of companies(40)) topic.write(company, byMd5);
  const found = await topic.judged();
  expect(found?.defaultPartition).not.toBe(found?.partition);
  expect(found).toMatchObject({ offset: expect.any(Number) as number });
});

test('the default partitioner is accepted', async () => {
  for (const partitions of [1, 2, 12]) {
    const topic = new Topic(partitions);
    for (const company of companies(40)) topic.write(company, partitionOfKey);
    expect(await topic.judged()).toBeNull();
  }
});

test('keys count, and not records: a busy company counts once', async () => {
  const calm = new Topic(2);
  for (const company of companies(40)) calm.write(company, partitionOfKey);
  for (let i = 0; i < 100; i++) calm.write('sent by hand', next);
  expect(await calm.judged()).toBeNull();

  const foreign = new Topic(2);
  for (let i = 0; i < 100; i++) foreign.write('busy', partitionOfKey);
  for (const company of companies(3)) foreign.write(company, next);
  expect(await foreign.judged()).not.toBeNull();
});

test('a key that is too long for a company proves nothing', async () => {
  const topic = new Topic(3);
  for (const company of companies(40)) topic.write(company.padEnd(2_000, 'x'), next);
  expect(await topic.placement()).toEqual({ keys: 0, foreign: null });
});

test('up to 5 % of the keys, or one beside others, may be in other partitions', async () => {
  const topic = new Topic(3);
  for (const company of companies(38)) topic.write(company, partitionOfKey);
  topic.write('elsewhere 1', next);
  topic.write('elsewhere 2', next);
  expect(await topic.judged()).toBeNull();
  topic.write('elsewhere 3', next);
  expect(await topic.judged()).not.toBeNull();

  const few = new Topic(3);
  few.write('the only one', next);
  expect(await few.judged()).not.toBeNull();
  few.write('another', partitionOfKey);
  expect(await few.judged()).toBeNull();
});

test('a few misplaced keys are not explained by a former number of partitions, but they may be older', async () => {
  const topic = new Topic(12);
  for (const company of companies(4)) topic.write(company, (key) => partitionOfKey(key, 7));
  expect(await topic.judged()).toMatchObject({ mayBeOlder: true });

  const grownTwice = new Topic(24);
  grownTwice.write('older', (key) => partitionOfKey(key, 5));
  for (const company of companies(3)) grownTwice.write(company, (key) => partitionOfKey(key, 7));
  expect(await grownTwice.judged()).toMatchObject({ mayBeOlder: true });
});

test('misplaced keys that fit no former number of partitions, or that are many, are not older', async () => {
  const few = new Topic(3);
  // No former number of partitions has a partition 2.
  const ofOthers = companies(20).filter((key) => partitionOfKey(Buffer.from(key), 3) !== 2);
  for (const company of ofOthers.slice(0, 4)) few.write(company, () => 2);
  expect(await few.judged()).toMatchObject({ mayBeOlder: false });

  const many = new Topic(3);
  for (const company of companies(40)) many.write(company, next);
  expect(await many.judged()).toMatchObject({ mayBeOlder: false });
});

describe('after the topic has grown', () => {
  const ofFormer =
    (former: number, partitioner: Partitioner = partitionOfKey): Partitioner =>
    (key) =>
      partitioner(key, former);

  test.each([
    [12, 24],
    [5, 12],
    [1, 3],
  ])('records from before are accepted: %i partitions became %i', async (former, now) => {
    const topic = new Topic(now);
    for (const company of companies(60)) topic.write(company, ofFormer(former));
    for (const company of companies(20)) topic.write(`later ${company}`, partitionOfKey);
    expect(await topic.judged()).toBeNull();
  });

  test.each([2, 3, 12, 24])('another partitioner is still detected with %i partitions', async (now) => {
    const topic = new Topic(now);
    for (const company of companies(60)) topic.write(company, ofFormer(Math.ceil(now / 2), byMd5));
    for (const company of companies(60)) topic.write(`later ${company}`, byMd5);
    expect(await topic.judged()).not.toBeNull();
  });
});

test('records that are not witnesses do not hide those that are', async () => {
  const topic = new Topic(3);
  for (const company of companies(3)) topic.write(company, next);
  for (const company of companies(150)) topic.write(`seeded ${company}`, partitionOfKey, 'from the command');
  expect(await topic.judged()).toBeNull();
  expect(await topic.judged(({ value }) => value?.toString() !== 'from the command')).not.toBeNull();
});

describe('a topic that has got more partitions', () => {
  const grown = (partitioner: Partitioner) => {
    const topic = new Topic(3);
    for (const company of companies(40)) topic.write(company, partitioner);
    topic.grow(6);
    for (const company of companies(40)) topic.write(`new ${company}`, partitioner);
    return topic;
  };

  test('is accepted if the default partitioner has placed its older records too', async () => {
    expect(await grown(partitionOfKey).judged()).toBeNull();
  });

  test('is refused if another partitioner has placed records, before or since', async () => {
    expect(await grown(byMd5).judged()).not.toBeNull();
    const changed = grown(partitionOfKey);
    for (const company of companies(40)) changed.write(`later ${company}`, byMd5);
    expect(await changed.judged()).not.toBeNull();
  });

  test('is refused if so few records fit the former partitions that it may be chance', async () => {
    const topic = new Topic(2);
    const ofSecond = companies(20).filter((key) => partitionOfKey(Buffer.from(key), 2) === 1);
    for (const key of ofSecond.slice(0, 3)) topic.write(key, () => 0);
    expect(await topic.judged()).not.toBeNull();
  });
});
