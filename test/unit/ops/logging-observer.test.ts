/** What an operator reads once, or once an hour, however often it happens. */
import pino from 'pino';
import { LoggingObserver } from '../../../src/ops/logging-observer.js';

const HOUR_MS = 3_600_000;

test('records whose timestamp is not a date are logged at once, and then once an hour with their number', () => {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>);
  let now = Date.UTC(2027, 0, 1);
  const observer = new LoggingObserver(pino({}, { write }), () => now);
  const batchOf = (count: number, companyId: string) =>
    observer.batch(3, { undated: { count, example: { offset: 7, timestamp: -1, companyId } } });

  observer.batch(3, { undated: null });
  batchOf(2, 'a');
  for (now += 1; now < Date.UTC(2027, 0, 1) + HOUR_MS; now += HOUR_MS / 4) batchOf(10, 'b');
  now = Date.UTC(2027, 0, 1) + HOUR_MS;
  batchOf(1, 'c');
  expect(lines).toMatchObject([
    { partition: 3, offset: 7, timestamp: -1, companyId: 'a', records: 2 },
    { partition: 3, offset: 7, timestamp: -1, companyId: 'c', records: 41 },
  ]);
});
