import fc from 'fast-check';
import { startOffset } from '../../../src/pipeline/position-check.js';
import { decodeRepartitionMark, encodeRepartitionMark } from '../../../src/pipeline/repartition-mark.js';

const count = fc.integer({ min: 1, max: 10_000 });
const mark = fc.record({ from: count, to: count, moved: fc.boolean() });

test('a mark is decoded as it was encoded, and is an exact number', () => {
  fc.assert(
    fc.property(mark, (mark) => {
      const offset = encodeRepartitionMark(mark);
      expect(Number.isSafeInteger(offset)).toBe(true);
      expect(decodeRepartitionMark(offset)).toEqual(mark);
    }),
  );
});

test('a possible offset of a log is not a mark', () => {
  fc.assert(fc.property(fc.nat({ max: 2 ** 31 }), (n) => expect(decodeRepartitionMark(n * 2 ** 20)).toBeNull()));
  expect(decodeRepartitionMark(null)).toBeNull();
});

test('a marked partition does not start, whatever else is known of it', () => {
  const position = fc.option(
    fc.record({ topic: fc.constant('sync-events'), offset: fc.nat(), countedUnder: fc.nat() }),
  );
  fc.assert(
    fc.property(mark, position, fc.nat(), fc.nat(), (mark, changelog, start, length) => {
      const facts = { topic: 'sync-events', partition: 3, changelogStart: 0, changelogCut: false, committedIn: -1 };
      const committed = encodeRepartitionMark(mark);
      expect(() => startOffset({ ...facts, changelog, committed, input: { start, end: start + length } })).toThrow(
        /company-sync repartition/,
      );
    }),
  );
});
