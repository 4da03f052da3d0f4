/** Changes an input at random: bits, numbers at the edges, pieces removed, repeated, inserted or taken from another input. */
import type { SeededRandom } from '../seeded-random.js';

const MAX_CHANGES = 5;
const MAX_PIECE = 64;
const SOME_BYTES: readonly number[] = [0, 1, 2, 0x7f, 0x80, 0xff, 0x20, 0x22, 0x2c, 0x30, 0x5b, 0x7b];
const SOME_NUMBERS: readonly bigint[] = [0n, 1n, -1n, -2n, 127n, 128n, 255n, 65_535n, 2n ** 31n - 1n, -(2n ** 31n)];
const LARGE_NUMBERS: readonly bigint[] = [...SOME_NUMBERS, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 62n];

interface Source {
  readonly random: SeededRandom;
  readonly tokens: readonly (string | Buffer)[];
  /** Another input of the corpus. */
  readonly other: Buffer;
}

type Change = (bytes: Buffer, source: Source) => Buffer;

const CHANGES: readonly Change[] = [
  (bytes, { random }) => changed(bytes, random, (copy, at) => (copy[at]! ^= 1 << random.integer(0, 7))),
  (bytes, { random }) => changed(bytes, random, (copy, at) => (copy[at] = random.integer(0, 255))),
  (bytes, { random }) => changed(bytes, random, (copy, at) => (copy[at] = random.pick(SOME_BYTES))),
  (bytes, { random }) => changed(bytes, random, (copy, at) => (copy[at] = copy[at]! + random.pick([1, -1]))),
  (bytes, { random }) => overwritten(bytes, random, fixedNumber(random)),
  (bytes, { random }) => inserted(bytes, random, varint(random)),
  (bytes, { random }) => overwritten(bytes, random, varint(random)),
  (bytes, { random }) => inserted(bytes, random, pieceOf(bytes, random)),
  (bytes, { random }) => overwritten(bytes, random, pieceOf(bytes, random)),
  (bytes, { random, other }) => inserted(bytes, random, pieceOf(other, random)),
  (bytes, { random, other }) => overwritten(bytes, random, pieceOf(other, random)),
  (bytes, { random, other }) =>
    Buffer.concat([
      bytes.subarray(0, random.integer(0, bytes.length)),
      other.subarray(random.integer(0, other.length)),
    ]),
  (bytes, { random, tokens }) =>
    tokens.length === 0 ? bytes : inserted(bytes, random, Buffer.from(random.pick(tokens) as string)),
  (bytes, { random, tokens }) =>
    tokens.length === 0 ? bytes : overwritten(bytes, random, Buffer.from(random.pick(tokens) as string)),
  (bytes, { random }) => removed(bytes, random, random.integer(1, MAX_PIECE)),
  (bytes, { random }) => bytes.subarray(0, random.integer(0, bytes.length)),
  (bytes, { random }) => {
    const piece = pieceOf(bytes, random);
    return inserted(bytes, random, Buffer.concat(Array<Buffer>(random.integer(1, MAX_PIECE)).fill(piece)));
  },
];

export function mutate(input: Buffer, maxBytes: number, source: Source): Buffer {
  let bytes: Buffer = Buffer.from(input);
  for (let left = source.random.integer(1, MAX_CHANGES); left > 0; left--)
    bytes = source.random.pick(CHANGES)(bytes, source);
  return Buffer.from(bytes.subarray(0, maxBytes));
}

function changed(bytes: Buffer, random: SeededRandom, change: (copy: Buffer, at: number) => void): Buffer {
  if (bytes.length === 0) return Buffer.of(random.integer(0, 255));
  const copy = Buffer.from(bytes);
  change(copy, random.integer(0, copy.length - 1));
  return copy;
}

function overwritten(bytes: Buffer, random: SeededRandom, piece: Buffer): Buffer {
  const at = random.integer(0, Math.max(0, bytes.length - piece.length));
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + piece.length)]);
}

function inserted(bytes: Buffer, random: SeededRandom, piece: Buffer): Buffer {
  const at = random.integer(0, bytes.length);
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
}

function removed(bytes: Buffer, random: SeededRandom, count: number): Buffer {
  const at = random.integer(0, bytes.length);
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + count)]);
}

function pieceOf(bytes: Buffer, random: SeededRandom): Buffer {
  const at = random.integer(0, bytes.length);
  return bytes.subarray(at, at + random.integer(1, MAX_PIECE));
}

function fixedNumber(random: SeededRandom): Buffer {
  const width = random.pick([2, 4, 8]);
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(random.pick(LARGE_NUMBERS));
  const ofWidth = bytes.subarray(8 - width);
  return random.chance(0.2) ? Buffer.from(ofWidth).reverse() : ofWidth;
}

function varint(random: SeededRandom): Buffer {
  let left = BigInt.asUintN(64, random.pick(LARGE_NUMBERS));
  if (random.chance(0.5)) left = BigInt(random.integer(0, 2 ** 31 - 1)) % (1n << BigInt(random.integer(1, 31)));
  const bytes: number[] = [];
  for (; left > 0x7fn; left >>= 7n) bytes.push(Number(left & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(left)]);
}
