/** Large companies are loaded a few at a time, however many a batch of records needs. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The companies of the batch take twice as much. */
const HEAP_MIB = 80;

test('a batch that needs many large companies is processed in a small heap', async () => {
  const script = join(__dirname, 'large-companies-child.ts');
  const flags = [`--max-old-space-size=${HEAP_MIB}`, '--max-semi-space-size=8', '--import', 'tsx'];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, script]);
  const result = JSON.parse(stdout) as { transactions: number[]; cachedBytes: number; cacheBytes: number };
  expect(result.transactions.reduce((sum, records) => sum + records, 0)).toBe(500);
  // 200 datasets of 1.3 kB each: 16 MiB hold about 64 companies. The unlinking ends all datasets of a company, so its
  // failure lists them once more: the limit counts each company twice.
  expect(Math.max(...result.transactions)).toBeLessThan(40);
  expect(Math.min(...result.transactions.slice(0, -1))).toBeGreaterThan(25);
  expect(result.cachedBytes).toBeLessThanOrEqual(result.cacheBytes);
}, 120_000);
