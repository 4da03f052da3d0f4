import { KeptSchemas, LARGE_CHARACTERS, MAX_KEPT_CHARACTERS } from '../../../src/decode/kept-schemas.js';
import { SteppedClock } from '../../support/clocks.js';

const KNOWN = 1;
let kept: KeptSchemas<number>;

beforeEach(() => {
  kept = new KeptSchemas(new SteppedClock());
});

function keepHostile(count: number, characters: number, first = 100): void {
  for (let id = first; id < first + count; id++) kept.keep(id, id, characters, 'hostile');
}

test.each([
  ['usual', 2_000, LARGE_CHARACTERS],
  ['large', LARGE_CHARACTERS + 1, MAX_KEPT_CHARACTERS / 2],
  ['large, although one alone exceeds what is kept', LARGE_CHARACTERS + 1, 4 * MAX_KEPT_CHARACTERS],
])('a schema of a partition is not dropped for those of another one: %s', (_size, characters, hostile) => {
  kept.keep(KNOWN, KNOWN, characters, 'harmless');
  keepHostile(1_000, hostile);
  expect(kept.get(KNOWN)).toBe(KNOWN);
});

test('a partition that uses many schemas keeps those that it has used again', () => {
  kept.keep(KNOWN, KNOWN, 2_000, 'hostile');
  for (let i = 0; i < 100; i++) {
    expect(kept.get(KNOWN)).toBe(KNOWN);
    keepHostile(10, LARGE_CHARACTERS, 100 + 10 * i);
  }
});

test('however many partitions keep schemas, together they stay within the limit', () => {
  for (let id = 0; id < 1_000; id++) kept.keep(id, id, LARGE_CHARACTERS, `partition ${id % 7}`);
  const ids = Array.from({ length: 1_000 }, (_, id) => id).filter((id) => kept.get(id) !== undefined);
  expect(ids).toHaveLength(MAX_KEPT_CHARACTERS / LARGE_CHARACTERS);
  expect(ids).toContain(999);
});
