/** The search for a company's event in a topic of thousands, in memory: a real broker would not show more. */
import avro from 'avsc';
import type { Announcement } from '../../../src/domain/announcement.js';
import type { LogRecord } from '../../../src/lib/record.js';
import { AnnouncedEvents } from '../../../src/ops/announced-events.js';
import type { Logs } from '../../../src/pipeline/ports.js';
import { CompanySynchronizedRecords } from '../../../src/publish/company-synchronized.js';
import { resentOf } from '../../../src/publish/resent-event.js';
import { systemClock } from '../../../src/lib/system-clock.js';
import { SCHEMAS_FOLDER } from '../../../testkit/command.js';
import { newestSchema } from '../../../testkit/schema-file.js';
import { schemaSource } from '../../../testkit/schema-source.js';

const EVENTS = 5_000;
const schema = newestSchema(SCHEMAS_FOLDER, 'company-synchronized-value') as avro.Schema;
const type = avro.Type.forSchema(schema);
const input = { topic: 'sync-events', partition: 0 };
const outbound = { topic: 'company-synchronized', partition: 0 };
const encoder = new CompanySynchronizedRecords({ type, schemaId: 1, applicationId: 'app', eventNamespace: 'app' });

/** The event of `company-<n>`, which input offset 10 n completed. */
function eventOf(n: number, late = false, connections: Announcement['connections'] = []): LogRecord {
  const announcement: Announcement = {
    companyId: `company-${n}`,
    clientId: 'c',
    companyName: `name ${n}`,
    synchronizedAt: n,
    policy: 'ALL_DATASETS',
    connections,
    datasets: [],
    succeeded: 1,
    failed: 0,
    ended: 0,
    offset: 10 * n,
    linkedAt: null,
    late,
  };
  const completing = { offset: 10 * n, timestamp: n, key: null, value: null, headers: [] };
  return { offset: n, timestamp: n, ...encoder.recordOf(announcement, input, completing) };
}

function logOf(records: readonly LogRecord[]): Logs {
  const bounds = () => Promise.resolve({ start: records[0]?.offset ?? 0, end: (records.at(-1)?.offset ?? -1) + 1 });
  const reader = (_at: unknown, from: number) => {
    let position = from;
    const next = async (count: number) => {
      const taken = records.filter(({ offset }) => offset >= position).slice(0, count);
      position = (taken.at(-1)?.offset ?? position) + 1;
      return { records: taken, nextOffset: position, endOffset: (await bounds()).end, leaderEpoch: -1 };
    };
    return { next, close: () => undefined };
  };
  return { bounds, reader } as unknown as Logs;
}

function searchIn(records: readonly LogRecord[]) {
  const events = new AnnouncedEvents({
    logs: logOf(records),
    clock: systemClock,
    topic: outbound.topic,
    schema: schema as object,
    partitionOf: () => outbound.partition,
    sourceOf: () => '/app/sync-events/0',
    schemas: schemaSource(() => Promise.resolve(schema as object)),
  });
  return async (n: number) => {
    const wanted = { companyId: `company-${n}`, partition: 0, offset: 10 * n };
    return (await events.search(wanted, new AbortController().signal))?.record ?? null;
  };
}

const originals = Array.from({ length: EVENTS }, (_, n) => eventOf(n));
const NO_CONNECTION = { connectionId: '', sourceType: '' };
const some = [0, 1, 999, 1_000, 2_500, 4_998, EVENTS - 1];

test('every event is found, except those that retention has removed', async () => {
  const find = searchIn(originals.slice(1_000));
  for (const n of some) expect(await find(n)).toEqual(n < 1_000 ? null : originals[n]);
});

test('events that were sent again are out of order, and do not mislead the search', async () => {
  const again = Array.from({ length: EVENTS }, (_, i) => {
    const record = originals[(i * 7) % 50] as LogRecord;
    return { ...record, ...resentOf(record, outbound), offset: EVENTS + i };
  });
  const find = searchIn([...originals, ...again]);
  for (const n of some) expect(await find(n)).toEqual(originals[n]);
});

test('events that were announced late are out of order, do not mislead the search, and are found too', async () => {
  const late = [3, 2_500, 4_000].map((n, i) => ({ ...eventOf(n, true), offset: EVENTS + i }));
  const inOrder = originals.filter(({ offset }) => offset !== 3 && offset !== 2_500 && offset !== 4_000);
  const later = Array.from({ length: EVENTS }, (_, i) => ({ ...eventOf(EVENTS + i), offset: EVENTS + 3 + i }));
  const find = searchIn([...inOrder, ...late, ...later]);
  for (const n of [0, 1, 999, 4_998, EVENTS - 1]) expect(await find(n)).toEqual(originals[n]);
  expect(await find(EVENTS + 7)).toEqual(later[7]);
  expect(await Promise.all([3, 2_500, 4_000].map(find))).toEqual(late);
});

test('events that somebody else has written with wrong offsets may mislead the search, and it finds the event nevertheless', async () => {
  const forged = [1_250, 2_500, 3_750];
  const records = originals.map((record) =>
    forged.includes(record.offset) ? { ...eventOf(9_999_999), offset: record.offset } : record,
  );
  const find = searchIn(records);
  for (const n of [...some.filter((n) => !forged.includes(n)), 1_300, 2_600, 3_800])
    expect(await find(n)).toEqual(originals[n]);
});

test('an event with more items than an announcement can have is not read', async () => {
  const connections = (count: number) => Array<Announcement['connections'][number]>(count).fill(NO_CONNECTION);
  const [own] = originals as [LogRecord];
  const moved = { ...own, offset: 1 };
  expect(await searchIn([eventOf(0, false, connections(100_001)), moved])(0)).toEqual(moved);
  const largest = eventOf(0, false, connections(100_000));
  expect(await searchIn([largest, moved])(0)).toEqual(largest);
});

test('an event that was sent again twice has one header with its first place', () => {
  const [original] = originals as [LogRecord];
  const once = resentOf(original, outbound);
  const copy = { ...original, ...once, offset: 7 };
  expect(once.headers).toEqual([
    ...original.headers,
    { key: 'resent_from', value: Buffer.from('company-synchronized/0/0') },
  ]);
  expect(resentOf(copy, { topic: 'other', partition: 3 }).headers).toEqual([
    ...original.headers,
    { key: 'resent_from', value: Buffer.from('other/3/7') },
  ]);
});
