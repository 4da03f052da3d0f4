import { sendReleases } from '../../../src/command/dead-letter-release.js';
import { repairsHeaders } from '../../../src/command/repair-attempts.js';
import { NO_HEADERS, type RecordToWrite } from '../../../src/lib/record.js';

/** What a topic takes by default. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

async function released(holds: readonly string[]): Promise<RecordToWrite[]> {
  const sent: RecordToWrite[] = [];
  await sendReleases(
    holds,
    (portion) => Promise.resolve({ key: null, value: null, headers: [...NO_HEADERS, ...repairsHeaders(portion)] }),
    (record) => Promise.resolve(void sent.push(record)),
    () => undefined,
  );
  return sent;
}

test('a company with 100,000 holds is released by records that each fit their topic, and that name each hold once', async () => {
  const holds = Array.from({ length: 100_000 }, (_, i) => `123/${9_007_199_254_000_000 + i}`);
  const records = await released(holds);
  const bytesOf = ({ headers }: RecordToWrite) =>
    headers.reduce((sum, { key, value }) => sum + 10 + key.length + (value?.length ?? 0), 0);
  expect(Math.max(...records.map(bytesOf))).toBeLessThan(MAX_MESSAGE_BYTES / 4);
  expect(records.flatMap(({ headers }) => headers.map(({ value }) => String(value)))).toEqual(holds);
});

test('a few holds take one record', async () => {
  expect(await released(['0/1', '0/2'])).toHaveLength(1);
});
