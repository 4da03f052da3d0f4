/** The memory that reading dead letters may take. */
import { DeadLetterCollector, type CollectorLimits } from '../../../src/command/dead-letter-collector.js';
import type { DeadLetterCode } from '../../../src/domain/events.js';
import { NO_HEADERS } from '../../../src/lib/record.js';
import { deadLetterOf, withoutBytes, type DeadLetter } from '../../../src/publish/dead-letter.js';

const INPUT = { topic: 'sync-events', partition: 0 };

function deadLetter(offset: number, key: string, value: string, message = '', code: DeadLetterCode = 'undecodable') {
  const record = { offset, timestamp: 0, key: Buffer.from(key), value: Buffer.from(value), headers: NO_HEADERS };
  return { ...record, ...deadLetterOf(record, { code, message }, INPUT) };
}

function reading(
  wanted: (deadLetter: DeadLetter) => DeadLetter | null,
  limits: Partial<CollectorLimits> = {},
): DeadLetterCollector {
  return new DeadLetterCollector(INPUT.topic, wanted, { deadLetters: 100, bytes: 1_000, ...limits });
}

test.each<[string, (deadLetter: DeadLetter) => DeadLetter | null, Parameters<typeof deadLetter>]>([
  ['keys of dead letters that nobody wants', () => null, [1, 'k'.repeat(600), '']],
  ['values of those wanted', (deadLetter) => deadLetter, [1, 'k', 'v'.repeat(600)]],
  ['messages of those wanted', withoutBytes, [1, 'k', '', 'm'.repeat(600)]],
])('%s are bounded by their length too', (_what, wanted, [, ...long]) => {
  const read = reading(wanted);
  read.take([deadLetter(1, ...long)]);
  expect(() => read.take([deadLetter(2, ...long)])).toThrow(
    'the dead letters take more than 1000 bytes to keep: pass a later --since',
  );
});

test('a value that is not kept does not count', () => {
  const read = reading(withoutBytes);
  for (let offset = 0; offset < 10; offset++) read.take([deadLetter(offset, 'k', 'v'.repeat(600))]);
  expect(read.result().deadLetters).toHaveLength(10);
});

test('a key that is too long for any company takes no memory', () => {
  const read = reading(() => null);
  for (let offset = 0; offset < 10; offset++) read.take([deadLetter(offset, 'k'.repeat(2_000), '')]);
  expect([...read.result().companies.values()]).toEqual(Array(10).fill(null));
});

describe('a command about one dead letter works whatever others have sent', () => {
  const focus = '0/5';

  test.each([
    ['too many dead letters', 'k', 150],
    ['dead letters with long keys', 'k'.repeat(600), 10],
  ])('with %s: they are left out, and a warning says how many', (_what, key, count) => {
    const read = reading(() => null, { focus });
    for (let offset = 0; offset < count; offset++) read.take([deadLetter(offset, key, '')]);
    const { companies, incomplete } = read.result();
    expect(incomplete).toContain(`${count - companies.size} dead letters of other records`);
  });

  test('without a warning if nothing was left out', () => {
    const read = reading(() => null, { focus });
    read.take([deadLetter(5, 'k', '')]);
    expect(read.result().incomplete).toBeNull();
  });
});

test('of several dead letters of one record the first counts, and they cannot fill the memory', () => {
  const read = reading((one) => one);
  for (let i = 0; i < 10; i++) read.take([deadLetter(5, 'acme', String(i).repeat(600))]);
  expect(read.result().deadLetters.map(({ value }) => String(value).slice(0, 1))).toEqual(['0']);
});

test('if another dead letter of a record contradicts it, the key of the record does not count as wrong', () => {
  const read = reading(() => null);
  read.take([deadLetter(5, 'victim', '', '', 'key-mismatch'), deadLetter(6, 'held', '', '', 'key-mismatch')]);
  read.take([deadLetter(5, 'victim', '', '', 'undecodable'), deadLetter(6, 'held', '', '', 'key-mismatch')]);
  expect([...read.result().mismatched]).toEqual(['0/6']);
});

test('dead letters of a partition are in the order of their offsets, whichever clock stamped them', () => {
  const read = reading(withoutBytes);
  const written = (offset: number, partition: number, writtenAt: number) => {
    const record = { offset, timestamp: 0, key: Buffer.from('k'), value: null, headers: NO_HEADERS };
    const place = { topic: INPUT.topic, partition };
    return { ...record, ...deadLetterOf(record, { code: 'undecodable', message: '' }, place), timestamp: writtenAt };
  };
  read.take([written(4, 1, 500), written(7, 0, 300), written(5, 0, 900), written(6, 0, 200), written(3, 1, 400)]);
  const places = read.result().deadLetters.map(({ partition, offset }) => `${partition}/${offset}`);
  expect(places).toEqual(['1/3', '1/4', '0/5', '0/6', '0/7']);
});

test('if dead letters of one record have several timestamps, the lowest counts', () => {
  const of = (timestamp: number) => {
    const record = { offset: 1, timestamp, key: null, value: null, headers: NO_HEADERS };
    return { ...record, ...deadLetterOf(record, { code: 'undecodable', message: '' }, INPUT) };
  };
  const read = reading(() => null);
  read.take([of(900), of(800), of(950)]);
  expect([...read.result().timestamps]).toEqual([['0/1', 800]]);
});

test('dead letters before --since count for no limit', () => {
  const old = { ...deadLetter(0, 'k', ''), timestamp: 999 };
  const letters = Array.from({ length: 101 }, (_, offset) => ({ ...deadLetter(offset, 'k', ''), timestamp: 999 }));
  const read = reading(withoutBytes, { sinceMs: 1_000 });
  read.take([old, ...letters, { ...deadLetter(200, 'k', ''), timestamp: 1_000 }]);
  expect(read.result().deadLetters.map(({ offset }) => offset)).toEqual([200]);
});
