import { RecordMemory } from '../../../../src/kafka/reading/record-memory.js';

const PIECE = 64 * 1024;
const filled = (length: number, byte: number) => Buffer.alloc(length, byte);

test('a copy has the same bytes in other memory', () => {
  const memory = new RecordMemory(PIECE, 1);
  for (const length of [0, 1, PIECE / 2 - 1, PIECE / 2, PIECE, PIECE + 1]) {
    const bytes = filled(length, 7);
    const copy = memory.copyOf(bytes);
    expect(copy.equals(bytes)).toBe(true);
    expect(copy.buffer).not.toBe(bytes.buffer);
  }
});

test('returned pieces are used again, up to the number to keep', () => {
  const memory = new RecordMemory(PIECE, 2);
  const copies = [1, 2, 3].map((byte) => memory.copyOf(filled(PIECE / 2, byte)));
  for (const copy of copies) memory.giveBack(copy);
  const kept = copies.slice(0, 2).map(({ buffer }) => buffer);
  const again = [4, 5, 6].map((byte) => memory.copyOf(filled(PIECE, byte)));
  expect(new Set(again.slice(0, 2).map(({ buffer }) => buffer))).toEqual(new Set(kept));
  expect(copies.map(({ buffer }) => buffer)).not.toContain(again[2]?.buffer);
  expect(again.map((copy) => copy.equals(filled(PIECE, copy[0] ?? 0)))).toEqual([true, true, true]);
});

test('small and large copies have memory of their own, which is not used again', () => {
  const memory = new RecordMemory(PIECE, 2);
  const small = memory.copyOf(filled(10, 1));
  const large = memory.copyOf(filled(PIECE * 2, 2));
  memory.giveBack(small);
  memory.giveBack(large);
  const piece = memory.copyOf(filled(PIECE, 3));
  expect(small.equals(filled(10, 1))).toBe(true);
  expect(large.equals(filled(PIECE * 2, 2))).toBe(true);
  expect([small.buffer, large.buffer]).not.toContain(piece.buffer);
});
