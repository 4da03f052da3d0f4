import { Partitioners } from 'kafkajs';
import { createPartitioner, partitionOfKey } from '../../../../src/kafka/transactions/partitioner.js';

const partitioner = createPartitioner(
  12,
  new Map([
    ['same', 12],
    ['other', 7],
  ]),
);

test('a topic with as many partitions as the input gets the same-numbered partition, whatever the key', () => {
  expect(partitioner.partitionFor('same', Buffer.from('a'), 5)).toBe(5);
  expect(partitioner.partitionFor('same', Buffer.from('b'), 5)).toBe(5);
  expect(partitioner.partitionFor('same', null, 11)).toBe(11);
});

test("Java's client agrees on where a key goes", () => {
  // From UtilsTest of Apache Kafka: murmur2 of each text, made positive.
  const hashes: [text: string, hash: number][] = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ];
  for (const [text, hash] of hashes)
    expect(partitioner.partitionFor('other', Buffer.from(text), 0)).toBe((hash & 0x7fffffff) % 7);
});

test("kafkajs's default partitioner agrees on keys of any length and any bytes", () => {
  const kafkajs = Partitioners.DefaultPartitioner();
  const partitionMetadata = Array.from({ length: 7 }, (_, partitionId) => ({
    partitionId,
    leader: 1,
    replicas: [1],
    isr: [1],
    partitionErrorCode: 0,
  }));
  for (let length = 0; length < 64; length++) {
    const key = Buffer.from(Array.from({ length }, (_, i) => (length * 131 + i * 197) & 0xff));
    const expected = kafkajs({ topic: 'other', partitionMetadata, message: { key, value: null } });
    expect(partitioner.partitionFor('other', key, 0)).toBe(expected);
  }
});

test('a record without a key goes to the same partition when it is written again', () => {
  for (let input = 0; input < 12; input++) expect(partitioner.partitionFor('other', null, input)).toBe(input % 7);
});

test('with equal counts, an input partition alone writes to its same-numbered partition; otherwise it shares all partitions', () => {
  expect(partitioner.targets('same', 5)).toEqual({ partitions: [5], isExclusive: true });
  expect(partitioner.targets('other', 5)).toEqual({ partitions: [0, 1, 2, 3, 4, 5, 6], isExclusive: false });
});

test('a topic whose partition count is unknown is refused', () => {
  expect(() => partitioner.partitionFor('unheard-of', Buffer.from('a'), 0)).toThrow('unheard-of');
});

test('a topic that grows is placed by its new number, and all its partitions may have open transactions', () => {
  const growing = createPartitioner(12, new Map([['topic', 12]]));
  growing.grown('topic', 13);
  const key = Buffer.from('acme');
  expect(growing.partitionFor('topic', key, 5)).toBe(partitionOfKey(key, 13));
  expect(growing.targets('topic', 5)).toEqual({ partitions: [...Array(13).keys()], isExclusive: false });
});

test('a topic that grows to the number of the input may still have transactions of before anywhere', () => {
  const growing = createPartitioner(12, new Map([['topic', 6]]));
  growing.grown('topic', 12);
  expect(growing.partitionFor('topic', Buffer.from('acme'), 5)).toBe(5);
  expect(growing.targets('topic', 5)).toEqual({ partitions: [...Array(12).keys()], isExclusive: false });
});
