import { deadLetterOf, MAX_MESSAGE_CHARACTERS, readDeadLetter } from '../../../src/publish/dead-letter.js';
import type { LogRecord } from '../../../src/lib/record.js';

const INPUT = { topic: 'sync-events', partition: 3 };
const REASON = { code: 'undecodable', message: 'offset 17: the value is truncated' } as const;
const RECORD: LogRecord = {
  offset: 17,
  timestamp: 1_700_000_000_123,
  key: Buffer.from([0xff, 0x00]),
  value: Buffer.from([0x00, 0xfe, 0x0a]),
  headers: [
    { key: 'a', value: Buffer.from([0xff]) },
    { key: 'a', value: null },
    { key: 'dl_code', value: Buffer.from('from an earlier life') },
    { key: 'a', value: Buffer.alloc(0) },
  ],
};

test('key and value stay as they came', () => {
  const { key, value } = deadLetterOf(RECORD, REASON, INPUT);

  expect([key, value]).toEqual([Buffer.from([0xff, 0x00]), Buffer.from([0x00, 0xfe, 0x0a])]);
});

test.each([
  ['key', { ...RECORD, key: null }],
  ['value', { ...RECORD, value: null }],
] as const)('a null %s stays null', (part, record) => {
  expect(deadLetterOf(record, REASON, INPUT)[part]).toBeNull();
});

test('own headers stay in their order, including repeated, binary and null ones; ours follow', () => {
  const { headers } = deadLetterOf(RECORD, REASON, INPUT);

  expect(headers.slice(0, 4)).toEqual(RECORD.headers);
  expect(headers.slice(4).map(({ key, value }) => [key, value?.toString()])).toEqual([
    ['dl_code', 'undecodable'],
    ['dl_message', 'offset 17: the value is truncated'],
    ['dl_topic', 'sync-events'],
    ['dl_partition', '3'],
    ['dl_offset', '17'],
    ['dl_timestamp', '1700000000123'],
  ]);
});

test.each([
  ['dl_partition', '-1'],
  ['dl_partition', '1e3'],
  ['dl_partition', '0x10'],
  ['dl_partition', ''],
  ['dl_offset', '-1'],
  ['dl_offset', '9999999999999999'],
  ['dl_timestamp', 'now'],
])('a record whose %s is %p does not count as a dead letter', (name, text) => {
  const letter = deadLetterOf(RECORD, REASON, INPUT);
  const withText = (value: string) => ({
    ...RECORD,
    headers: letter.headers.map((header, i) =>
      i >= RECORD.headers.length && header.key === name ? { key: name, value: Buffer.from(value) } : header,
    ),
  });
  expect(readDeadLetter({ ...RECORD, headers: letter.headers })).toMatchObject({ partition: 3, offset: 17 });
  expect(readDeadLetter(withText('17'))).not.toBeNull();
  expect(readDeadLetter(withText(text))).toBeNull();
});

test('a record without a timestamp can be a dead letter', () => {
  const { headers } = deadLetterOf({ ...RECORD, timestamp: -1 }, REASON, INPUT);
  expect(readDeadLetter({ ...RECORD, headers })).toMatchObject({ timestamp: -1 });
});

test('a long message is cut, so the dead letter fits if the record did', () => {
  const { headers } = deadLetterOf(RECORD, { ...REASON, message: 'ë'.repeat(100_000) }, INPUT);
  const message = headers.find(({ key }) => key === 'dl_message')?.value?.toString();

  expect(message).toHaveLength(MAX_MESSAGE_CHARACTERS);
  expect(message).toMatch(/ë…$/);
});
