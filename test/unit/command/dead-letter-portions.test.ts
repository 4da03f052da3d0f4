/** The portions in which `dead-letters repair --all` reads dead letters. */
import { portionsOf } from '../../../src/command/dead-letter-portions.js';
import type { ReadDeadLetters } from '../../../src/command/dead-letter-collector.js';
import { RepairAttempts } from '../../../src/command/repair-attempts.js';
import type { DeadLetter } from '../../../src/publish/dead-letter.js';

/** Dead letters of one partition; each names the offsets that it was to repair. */
function read(named: readonly (readonly number[])[]): ReadDeadLetters {
  const deadLetters = named.map((offsets, offset) => ({
    partition: 0,
    offset,
    headers: offsets.map((target) => ({ key: 'repairs', value: Buffer.from(`0/${target}`) })),
  })) as Partial<DeadLetter>[] as DeadLetter[];
  const attempts = new RepairAttempts(() => true);
  for (const deadLetter of deadLetters) attempts.add(deadLetter);
  return { deadLetters, attempts } as Partial<ReadDeadLetters> as ReadDeadLetters;
}

const inPortions = (letters: ReadDeadLetters, limits: Parameters<typeof portionsOf>[2]) =>
  portionsOf(letters, new Map(), limits).map((portion) => [...portion]);

test('a dead letter and its failed repair are in one portion', () => {
  expect(inPortions(read([[], [], [0]]), { count: 1 })).toEqual([['0/0', '0/2'], ['0/1']]);
});

test('groups that would cost too much to find are divided, and no dead letter is left out', () => {
  expect(inPortions(read([[], [], [0]]), { count: 1, maxLookedAt: 0 })).toEqual([['0/0'], ['0/1'], ['0/2']]);
});

test.each([
  ['name each other in a chain', (i: number) => (i === 0 ? [] : [i - 1])],
  ['name the same two records', (i: number) => (i < 2 ? [] : [0, 1])],
])('the work is bounded for dead letters that %s', (_, named) => {
  const letters = read(Array.from({ length: 8_000 }, (_letter, i) => named(i)));
  const portions = portionsOf(letters, new Map());
  expect(new Set(portions.flatMap((portion) => [...portion])).size).toBe(8_000);
  expect(letters.attempts.lookedAt).toBeLessThan(2_100_000);
});
