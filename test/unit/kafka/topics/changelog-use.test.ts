import { changelogUse } from '../../../../src/kafka/topics/changelog-use.js';
import { NO_HEADERS, type LogRecord, type TopicPartition } from '../../../../src/lib/record.js';
import { systemClock } from '../../../../src/lib/system-clock.js';
import { BrokerError, ReaderClosedError } from '../../../../src/pipeline/errors.js';
import type { LogReader } from '../../../../src/pipeline/ports.js';
import { unansweredClock } from '../../../support/clocks.js';
import { SEEN_BY_MOST } from '../../../support/seen-by-most.js';

const RECORD: LogRecord = { offset: 4, timestamp: 0, key: Buffer.from('k'), value: null, headers: NO_HEADERS };

/** Partition -> its records; the end is at 6, and a read passes two offsets. */
function logsOf(records: Readonly<Record<number, LogRecord>>) {
  const read: number[] = [];
  const reader = ({ partition }: TopicPartition, from: number): LogReader => {
    let position = from;
    const next = () => {
      read.push(partition);
      const found = [records[partition]].filter((record) => record?.offset === position) as LogRecord[];
      position += 2;
      return Promise.resolve({ records: found, nextOffset: position, endOffset: 6, leaderEpoch: -1 });
    };
    return { next, close: () => undefined };
  };
  return { reader, read };
}

const boundsOf = (end: number, highWatermark = end) => ({ start: 0, end, highWatermark, ...SEEN_BY_MOST });

test('a changelog that has only markers and aborted records is empty, and is read to its end', async () => {
  const logs = logsOf({});
  expect(await changelogUse(logs, 'changelog', [boundsOf(6), boundsOf(0), boundsOf(6)], systemClock)).toBe('empty');
  expect(logs.read).toEqual([0, 0, 0, 2, 2, 2]);
});

test('the first committed record ends the reading', async () => {
  const logs = logsOf({ 1: RECORD });
  expect(await changelogUse(logs, 'changelog', [boundsOf(2), boundsOf(6), boundsOf(6)], systemClock)).toBe('used');
  expect(logs.read).toEqual([0, 1, 1, 1]);
});

test('an open transaction is unclear, unless there is a committed record', async () => {
  const open = [boundsOf(0, 3), boundsOf(6)];
  expect(await changelogUse(logsOf({}), 'changelog', open, systemClock)).toEqual({
    unclear: 'changelog/0 has an open transaction',
  });
  expect(await changelogUse(logsOf({ 1: RECORD }), 'changelog', open, systemClock)).toBe('used');
});

test('a changelog that is not read in time is unclear, and a broker error is passed on', async () => {
  const silent = () => {
    let close: (error: Error) => void = () => undefined;
    const next = () => new Promise<never>((_, reject) => (close = reject));
    return { next, close: () => close(new ReaderClosedError('closed')) };
  };
  expect(await changelogUse({ reader: silent }, 'changelog', [boundsOf(6)], unansweredClock)).toEqual({
    unclear: 'changelog/0 was not read within 30 s',
  });
  const next = () => Promise.reject(new BrokerError('gone'));
  const failing = () => ({ next, close: () => undefined });
  await expect(changelogUse({ reader: failing }, 'changelog', [boundsOf(6)], systemClock)).rejects.toThrow('gone');
});
