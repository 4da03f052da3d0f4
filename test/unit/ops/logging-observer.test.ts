/** Events that are logged once, or once an hour, however often they happen. */
import type { Announcement } from '../../../src/domain/announcement.js';
import type { SyncFailure } from '../../../src/domain/sync-failure.js';
import { REPEAT_AFTER_MS } from '../../../src/lib/repeated-lines.js';
import { LoggingObserver } from '../../../src/ops/logging-observer.js';
import { HOUR_MS } from '../../../src/lib/time-units.js';
import { readableLogger } from '../../support/log-lines.js';

/** An observer at a time that can be set, and the lines that it has logged. */
function observed() {
  const { logger, lines } = readableLogger();
  const time = { now: Date.UTC(2027, 0, 1) };
  return { lines, time, observer: new LoggingObserver(logger, () => time.now) };
}

test('a state that comes again and again is logged three times a minute, and then with how many lines were left out', () => {
  const { lines, time, observer } = observed();
  const isWaiting = (offset: number) =>
    observer.state(3, { state: 'waiting-for-registry', reason: `no answer at offset ${offset}` });
  for (let offset = 0; offset < 100; offset++) isWaiting(offset);
  observer.state(4, { state: 'waiting-for-registry', reason: 'no answer at offset 0' });
  expect(lines.map(({ partition }) => partition)).toEqual([3, 3, 3, 4]);
  time.now += REPEAT_AFTER_MS;
  isWaiting(100);
  expect(lines[4]).toMatchObject({ partition: 3, state: 'waiting-for-registry', leftOut: 97 });
});

test('records whose timestamp is not a date are logged at once, and then once an hour with their number', () => {
  const { lines, time, observer } = observed();
  const batchOf = (count: number, companyId: string) =>
    observer.batch(3, { undated: { count, example: { offset: 7, timestamp: -1, companyId } } });

  observer.batch(3, { undated: null });
  batchOf(2, 'a');
  for (time.now += 1; time.now < Date.UTC(2027, 0, 1) + HOUR_MS; time.now += HOUR_MS / 4) batchOf(10, 'b');
  time.now = Date.UTC(2027, 0, 1) + HOUR_MS;
  batchOf(1, 'c');
  expect(lines).toMatchObject([
    { partition: 3, offset: 7, timestamp: -1, companyId: 'a', records: 2 },
    { partition: 3, offset: 7, timestamp: -1, companyId: 'c', records: 41 },
  ]);
});

test('what one company can cause again and again is a warning, which the logger limits; an announcement comes once', () => {
  const { lines, observer } = observed();
  const company = { companyId: 'acme', clientId: 'c', offset: 7, succeeded: 0, failed: 1, ended: 0 };
  observer.syncFailed(3, { ...company, attempt: 1 } as Partial<SyncFailure> as SyncFailure);
  observer.announced(3, { ...company, policy: 'ALL_DATASETS' } as Partial<Announcement> as Announcement);
  expect(lines.map(({ level, companyId }) => [level, companyId])).toEqual([
    [40, 'acme'],
    [30, 'acme'],
  ]);
});
