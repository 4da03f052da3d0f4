/** Anyone may write to the topic of the announcements, so a line shows only a part of what a record contains. */
import { jsonOf, lineOf } from '../../../src/command/events-tail.js';

const LONG = 'x'.repeat(1_000_000);
const record = { offset: 7, timestamp: 0, key: Buffer.from(LONG), value: null, headers: [] };
const event = {
  companyId: LONG,
  clientId: LONG,
  companyName: LONG,
  synchronizedAt: 0,
  trigger: 'ALL_DATASETS',
  succeeded: 1,
  failed: 0,
  ended: 0,
  source: { topic: LONG, partition: 0, offset: 0 },
};

test.each([
  ['a line about a record that cannot be read', () => lineOf(record, LONG)],
  ['its line of JSON', () => jsonOf(record, LONG)],
  ['the line of an announcement', () => lineOf(record, event)],
])('%s is cut', (_what, line) => {
  expect(line()).toContain('xxx…');
  expect(line().length).toBeLessThan(5_000);
});

test('what fits is shown whole', () => {
  const short = { ...record, key: Buffer.from('acme') };
  expect(lineOf(short, 'it is not Avro')).toBe('acme at offset 7 cannot be read: it is not Avro');
  expect(JSON.parse(jsonOf(short, 'it is not Avro'))).toEqual({ key: 'acme', offset: 7, error: 'it is not Avro' });
});

test('an id with blanks or quotes is quoted, so it cannot pretend to be several words of the line', () => {
  const id = 'acme at offset 6';
  expect(lineOf({ ...record, key: Buffer.from(id) }, 'no')).toBe("'acme at offset 6' at offset 7 cannot be read: no");
  const source = { topic: 'sync-events', partition: 0, offset: 8 };
  expect(lineOf(record, { ...event, companyId: id, clientId: "o'neill", companyName: 'Acme', source })).toBe(
    `1970-01-01T00:00:00.000Z  'acme at offset 6'  "Acme" of 'o'\\''neill': 1 complete, 0 failed, 0 ended without data ` +
      '(ALL_DATASETS, completed by sync-events 0/8)',
  );
});
