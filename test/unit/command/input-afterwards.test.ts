/** What came after a dead letter: which records count as repairs, and which status as a later one. */
import { InputAfterwards } from '../../../src/command/input-afterwards.js';
import type { InputEvent } from '../../../src/domain/events.js';
import type { LogRecord } from '../../../src/lib/record.js';
import type { DeadLetter } from '../../../src/publish/dead-letter-reading.js';

const LETTER: DeadLetter = {
  ...{ topic: 'sync-events', partition: 1, offset: 10, code: 'undecodable', message: '', writtenAt: 1_000 },
  ...{ timestamp: 900, key: Buffer.from('acme'), value: null, headers: [] },
};

function record(offset: number, more: Partial<LogRecord> = {}): LogRecord {
  return { offset, timestamp: 950, key: Buffer.from('acme'), value: Buffer.from('invoices'), headers: [], ...more };
}

const repairs = (id: string) => ({ headers: [{ key: 'repairs', value: Buffer.from(id) }] });

/** A record's value is the dataset of the status that it is, after an exclamation mark of a REFRESH. */
function decode(records: readonly LogRecord[]): Promise<(InputEvent | string)[]> {
  const events = records.map(({ offset, timestamp, key, value }): InputEvent => {
    const [, refresh, datasetId = ''] = /^(!?)(.*)$/.exec(String(value)) ?? [];
    const status = { kind: 'status', datasetId, status: 'Complete', revision: null } as const;
    const payload = { ...status, trigger: refresh === '!' ? 'REFRESH' : 'LINK' } as InputEvent['payload'];
    return { companyId: String(key), clientId: 'c', offset, timestamp, repairs: [], payload };
  });
  return Promise.resolve(events);
}

async function after(partition: number, ...records: readonly LogRecord[]): Promise<InputAfterwards> {
  const afterwards = new InputAfterwards(new Set(['1/20']), new Set(['acme']), decode);
  await afterwards.take(partition, records);
  return afterwards;
}

test('the last record that names a letter is its repair, unless it could not be read itself', async () => {
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
  expect((await after(partition, ...records)).laterStatus('acme', 'invoices', LETTER)).toBe(later);
});
