import { releaseInPortions, sendReleases } from '../../../src/command/dead-letter-release.js';
import { repairsHeaders } from '../../../src/command/repair-attempts.js';
import { MAX_LISTED_HOLDS } from '../../../src/domain/limits.js';
import { NO_HEADERS, type RecordToWrite } from '../../../src/lib/record.js';

/** The largest request that a topic accepts by default. */
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

describe('holds that are listed a portion at a time', () => {
  const all = Array.from({ length: 2 * MAX_LISTED_HOLDS + 7 }, (_, i) => `0/${i}`);

  /** A company whose owner has processed the releases at the third look. */
  async function releaseAll(readsAfter: number): Promise<{ released: number; portions: number[]; left: number }> {
    const holding = new Set(all);
    const portions: number[] = [];
    let [sent, looks]: [readonly string[], number] = [[], 0];
    const listed = () => [...holding].slice(0, MAX_LISTED_HOLDS);
    const released = await releaseInPortions(
      listed(),
      () => {
        if (++looks >= readsAfter) for (const id of sent) holding.delete(id);
        return Promise.resolve(listed());
      },
      (portion) => {
        portions.push(portion.length);
        [sent, looks] = [portion, 0];
        return Promise.resolve();
      },
      () => Promise.resolve(),
    );
    for (const id of sent) holding.delete(id);
    return { released, portions, left: holding.size };
  }

  test('are all released, each once', async () => {
    const portions = [MAX_LISTED_HOLDS, MAX_LISTED_HOLDS, 7];
    expect(await releaseAll(3)).toEqual({ released: all.length, portions, left: 0 });
  });

  test('are not waited for without an end', async () => {
    await expect(releaseAll(Infinity)).rejects.toThrow('run the command again later');
  });
});
