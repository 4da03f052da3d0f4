/** The records after a dead letter: which of them count as repairs, and which a repair must not undo. */
import { InputAfterwards } from '../../../src/command/input-afterwards.js';
import { DeadLetterDigests } from '../../../src/command/original-record.js';
import type { DatasetStatusChanged, InputEvent, LinkSyncQueued, Payload } from '../../../src/domain/events.js';
import type { LogRecord } from '../../../src/lib/record.js';
import type { DeadLetter } from '../../../src/publish/dead-letter.js';

const LETTER: DeadLetter = {
  topic: 'sync-events',
  partition: 1,
  offset: 10,
  code: 'undecodable',
  message: '',
  writtenAt: 1_000,
  timestamp: 900,
  key: Buffer.from('acme'),
  value: null,
  headers: [],
};

function record(offset: number, more: Partial<LogRecord> = {}): LogRecord {
  return { offset, timestamp: 950, key: Buffer.from('acme'), value: Buffer.from('invoices'), headers: [], ...more };
}

const repairs = (id: string) => ({ headers: [{ key: 'repairs', value: Buffer.from(id) }] });

/**
 * The value of a status record is its dataset, with an exclamation mark before it for a REFRESH, and with `#<revision>`
 * after it if it has one. The value of a
 * manifest is `<link>/<connection>:<dataset>,<dataset>`, and that of an unlink is `unlink <connection>`.
 */
function decode(records: readonly LogRecord[]): Promise<(InputEvent | string)[]> {
  const events = records.map(({ offset, timestamp, key, value }): InputEvent => {
    const [, refresh, datasetId = '', revision] = /^(!?)(.*?)(?:#(\d+))?$/.exec(String(value)) ?? [];
    const [, linkId, connectionId, datasets] = /^(.*)\/(.*):(.*)$/.exec(String(value)) ?? [];
    const [, unlinked] = /^unlink (.*)$/.exec(String(value)) ?? [];
    const payload: Payload =
      unlinked !== undefined
        ? { kind: 'unlinked', connectionId: unlinked }
        : linkId !== undefined && connectionId !== undefined && datasets !== undefined
          ? manifest(linkId, connectionId, ...datasets.split(','))
          : status(datasetId, {
              trigger: refresh === '!' ? 'REFRESH' : 'LINK',
              revision: revision === undefined ? null : Number(revision),
            });
    return { ...eventOf(payload), companyId: String(key), offset, timestamp };
  });
  return Promise.resolve(events);
}

function status(datasetId: string, more: Partial<DatasetStatusChanged> = {}): DatasetStatusChanged {
  return { kind: 'status', datasetId, status: 'Complete', revision: null, trigger: 'LINK', ...more };
}

function manifest(linkId: string, connectionId: string, ...datasetIds: readonly string[]): LinkSyncQueued {
  const datasets = datasetIds.map((datasetId) => ({ datasetId, dataType: 'invoices' }));
  const names = { sourceType: 'accounting', companyName: 'Acme' };
  return { kind: 'manifest', linkId, connectionId, ...names, datasets, isFinal: true };
}

function eventOf(payload: Payload): InputEvent {
  return { companyId: 'acme', clientId: 'c', offset: 0, timestamp: 0, repairs: [], payload };
}

function deadLettersOf(records: Readonly<Record<string, LogRecord>>): DeadLetterDigests {
  const digests = new DeadLetterDigests();
  for (const [id, copied] of Object.entries(records)) digests.add(id, copied);
  return digests;
}

const BAD = deadLettersOf({ '1/10': record(10), '1/20': record(20) });
BAD.add('1/20', record(20, repairs('1/10')));
BAD.add('1/20', record(20, { value: Buffer.from('L2/c1:invoices,bills') }));

async function after(partition: number, ...records: readonly LogRecord[]): Promise<InputAfterwards> {
  const afterwards = new InputAfterwards(BAD, new Set(['acme']), decode);
  await afterwards.take(partition, records);
  return afterwards;
}

test('the last record that names a dead letter is its repair, unless that record could not be read', async () => {
  const afterwards = await after(
    1,
    record(12, repairs('1/10')),
    record(15, repairs('1/10')),
    record(20, repairs('1/10')),
  );
  expect(afterwards.repairOf('1/10')).toBe('1/15');
  expect(afterwards.repairOf('1/11')).toBeNull();
});

test.each([
  ['one after it', 1, [record(11)], '1/11'],
  ['not one before it', 1, [record(9)], null],
  ['not one that could not be read', 1, [record(20)], null],
  ['not a REFRESH', 1, [record(11, { value: Buffer.from('!invoices') })], null],
  ['not one of another dataset', 1, [record(11, { value: Buffer.from('bills') })], null],
  ['not one of another company', 1, [record(11, { key: Buffer.from('other') })], null],
  ['in another partition, one stamped since', 2, [record(3, { timestamp: 900 })], '2/3'],
  ['in another partition, not one stamped before', 2, [record(3, { timestamp: 899 })], null],
])('a later status of a dataset is %s', async (_what, partition, records, later) => {
  const refusal = (await after(partition, ...records)).refusalOf(eventOf(status('invoices')), LETTER);
  if (later === null) expect(refusal).toBeNull();
  else expect(refusal).toContain(`dataset invoices has a later status (${later})`);
});

test('a status with a revision undoes a later one only if that has no revision', async () => {
  const numbered = eventOf(status('invoices', { revision: 1 }));
  const refusal = (await after(1, record(11))).refusalOf(numbered, LETTER);
  expect(refusal).toContain(
    'has a later status (1/11), and this status would replace it, because the later status has',
  );
  const later = await after(1, record(11, { value: Buffer.from('invoices#2') }));
  expect(later.refusalOf(numbered, LETTER)).toBeNull();
  expect(later.refusalOf(eventOf(status('invoices')), LETTER)).toContain('because this status has no revision');
});

test.each<[string, readonly string[], string | null]>([
  ['a higher number before the one without', ['#5', ''], null],
  ['a higher number after the one without', ['', '#5'], null],
  ['the same number', ['#3', ''], null],
  ['a higher number, and then a lower one', ['#5', '#2', ''], null],
  ['only lower numbers', ['#1', '', '#2'], '1/12'],
])(
  'a status with revision 3 is refused because of a later one without revision, unless it is stale: %s',
  async (_what, revisions, later) => {
    const records = revisions.map((revision, i) => record(11 + i, { value: Buffer.from(`invoices${revision}`) }));
    const refusal = (await after(1, ...records)).refusalOf(eventOf(status('invoices', { revision: 3 })), LETTER);
    if (later === null) expect(refusal).toBeNull();
    else expect(refusal).toContain(`dataset invoices has a later status (${later})`);
  },
);

describe('if records are in two partitions, each partition is judged by itself, in whatever order they are read', () => {
  const old = (value: string) => record(99, { timestamp: 800, value: Buffer.from(value) });
  const later = (value: string) => record(11, { value: Buffer.from(value) });
  const UNLINK: Payload = { kind: 'unlinked', connectionId: 'c1' };

  test.each<[string, Payload, Readonly<Record<number, LogRecord[]>>, string | null]>([
    ['a later status', status('invoices'), { 1: [later('invoices')], 2: [old('invoices')] }, '1/11'],
    [
      'a later status without revision',
      status('invoices', { revision: 3 }),
      { 1: [later('invoices')], 2: [old('invoices#5')] },
      '1/11',
    ],
    [
      'a revision of its own partition, and an old status without revision',
      status('invoices', { revision: 3 }),
      { 1: [later('invoices#5')], 2: [old('invoices')] },
      null,
    ],
    ['a later manifest of the connection', UNLINK, { 1: [later('L2/c1:d')], 2: [old('L3/c1:d')] }, '1/11'],
    [
      'a later manifest of a dataset',
      manifest('L1', 'c1', 'd'),
      { 1: [later('L2/c1:d')], 2: [old('L3/c1:d')] },
      '1/11',
    ],
    ['a later unlink', manifest('L1', 'c1', 'd'), { 1: [later('unlink c1')], 2: [old('unlink c1')] }, '1/11'],
    [
      'an unlink, and a part of the link in the other partition, which may be later',
      manifest('L1', 'c1', 'd'),
      { 1: [later('unlink c1')], 2: [old('L1/c1:other')] },
      '1/11',
    ],
    [
      'a record stamped since, and one after it that is stamped before',
      status('invoices'),
      { 2: [record(3, { timestamp: 950 }), record(4, { timestamp: 800 })] },
      '2/4',
    ],
  ])('%s', async (_what, payload, records, place) => {
    const partitions = Object.entries(records);
    for (const order of [partitions, [...partitions].reverse()]) {
      const afterwards = await after(1);
      for (const [partition, ofPartition] of order) await afterwards.take(Number(partition), ofPartition);
      const refusal = afterwards.refusalOf(eventOf(payload), LETTER);
      if (place === null) expect(refusal).toBeNull();
      else expect(refusal).toContain(`(${place})`);
    }
  });
});

test('a record whose dead letter is not a copy of it is not a bad record: another client wrote that dead letter', async () => {
  const forged = deadLettersOf({ '1/10': record(10), '1/11': record(11, { value: Buffer.from('x') }) });
  forged.add('1/12', record(12));
  const afterwards = new InputAfterwards(forged, new Set(['acme']), decode);
  await afterwards.take(1, [record(11), record(12, repairs('1/10'))]);
  expect(afterwards.refusalOf(eventOf(status('invoices')), LETTER)).toContain('has a later status (1/12)');
  expect(afterwards.repairOf('1/10')).toBe('1/12');

  const real = new InputAfterwards(deadLettersOf({ '1/11': record(11) }), new Set(['acme']), decode);
  await real.take(1, [record(11)]);
  expect(real.refusalOf(eventOf(status('invoices')), LETTER)).toBeNull();
});

test('a repair that this command has sent itself is not a later status, and still counts as a repair', async () => {
  const records = [record(11, repairs('1/10')), record(12, repairs('1/9'))];
  const badRecords = deadLettersOf({ '1/9': record(9), '1/10': record(10), '1/20': record(20) });
  const refusals = ['1/10', '1/9'].map(async (repaired) => {
    const options = { repairedNow: new Set([repaired]) };
    const afterwards = new InputAfterwards(badRecords, new Set(['acme']), decode, options);
    await afterwards.take(1, records);
    expect(afterwards.repairOf('1/10')).toBe('1/11');
    return afterwards.refusalOf(eventOf(status('invoices')), LETTER);
  });
  expect(await Promise.all(refusals)).toEqual([
    expect.stringContaining('later status (1/12)'),
    expect.stringContaining('later status (1/11)'),
  ]);
  const both = { repairedNow: new Set(['1/9', '1/10']) };
  const afterwards = new InputAfterwards(badRecords, new Set(['acme']), decode, both);
  await afterwards.take(1, records);
  expect(afterwards.refusalOf(eventOf(status('invoices')), LETTER)).toBeNull();
});

const MANIFEST = { value: Buffer.from('L2/c1:invoices,bills') };

test.each([
  ['one of its connection after it', 1, record(11, MANIFEST), 'c1', '1/11'],
  ['one stamped since in another partition', 2, record(3, { ...MANIFEST, timestamp: 900 }), 'c1', '2/3'],
  ['not one before it', 1, record(9, MANIFEST), 'c1', null],
  ['not one that could not be read', 1, record(20, MANIFEST), 'c1', null],
  ['not one of another connection', 1, record(11, MANIFEST), 'c2', null],
  ['not one of another company', 1, record(11, { ...MANIFEST, key: Buffer.from('other') }), 'c1', null],
])('a manifest that refuses an unlink is %s', async (_what, partition, last, connectionId, later) => {
  const refusal = (await after(partition, last)).refusalOf(eventOf({ kind: 'unlinked', connectionId }), LETTER);
  if (later === null) expect(refusal).toBeNull();
  else expect(refusal).toContain(`connection ${connectionId} has a later manifest (${later})`);
});

test.each([
  ['one of another link after it', [record(11, MANIFEST)], manifest('L1', 'c1', 'new', 'bills'), '1/11'],
  ['not one before it', [record(9, MANIFEST)], manifest('L1', 'c1', 'bills'), null],
  ['not one of other datasets', [record(11, MANIFEST)], manifest('L1', 'c1', 'new'), null],
  ['not one of the same link', [record(11, MANIFEST)], manifest('L2', 'c1', 'bills'), null],
])('a manifest that refuses a manifest is %s', async (_what, records, payload, later) => {
  const refusal = (await after(1, ...records)).refusalOf(eventOf(payload), LETTER);
  if (later === null) expect(refusal).toBeNull();
  else expect(refusal).toContain(`dataset bills has a later manifest (${later})`);
});

const PART_OF_L1 = { value: Buffer.from('L1/c1:other') };
const unlinkOf = (connectionId: string) => ({ value: Buffer.from(`unlink ${connectionId}`) });

test.each<[string, number, LogRecord[], string | null]>([
  ['one after it', 1, [record(12, unlinkOf('c1'))], '1/12'],
  ['the last one after it', 1, [record(12, unlinkOf('c1')), record(14, unlinkOf('c1'))], '1/14'],
  ['one stamped since in another partition', 2, [record(3, { ...unlinkOf('c1'), timestamp: 900 })], '2/3'],
  ['one before another part of its link', 1, [record(12, unlinkOf('c1')), record(13, PART_OF_L1)], '1/12'],
  ['one after a manifest of another link', 1, [record(11, MANIFEST), record(12, unlinkOf('c1'))], '1/12'],
  ['not one before it', 1, [record(9, unlinkOf('c1'))], null],
  ['not one of another connection', 1, [record(12, unlinkOf('c2'))], null],
  ['not one of another company', 1, [record(12, { ...unlinkOf('c1'), key: Buffer.from('other') })], null],
  // The unlink has ended that link, so the datasets of a late part count as Cancelled.
  ['not one after another part of its link', 1, [record(11, PART_OF_L1), record(12, unlinkOf('c1'))], null],
])('an unlink that refuses a manifest is %s', async (_what, partition, records, later) => {
  const refusal = (await after(partition, ...records)).refusalOf(eventOf(manifest('L1', 'c1', 'd')), LETTER);
  if (later === null) expect(refusal).toBeNull();
  else expect(refusal).toContain(`connection c1 was unlinked later (${later}), and this manifest would open link L1`);
});

test('more data than the memory limit is refused; repeated data takes no more memory', async () => {
  const afterwards = new InputAfterwards(new DeadLetterDigests(), new Set(['acme']), decode, { maxBytes: 3_000 });
  const datasets = (name: string, count: number) =>
    Array.from({ length: count }, (_, i) => record(20 + i, { value: Buffer.from(`${name}${i % 10}`) }));
  await afterwards.take(1, datasets('a', 1_000));
  await expect(afterwards.take(1, datasets('b', 10))).rejects.toThrow('more than 3000 bytes');
});
