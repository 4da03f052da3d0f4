import fc from 'fast-check';
import { CheckedTap } from '../../../src/avro/checked-tap.js';
import { varint } from '../decode/sync-events.js';

function over(bytes: Buffer): CheckedTap {
  const tap = new CheckedTap();
  tap.start(bytes, 0);
  return tap;
}

describe('a long of data', () => {
  test.each([
    0n,
    -1n,
    64n,
    2n ** 51n,
    -(2n ** 51n),
    -(2n ** 52n) - 1n,
    2n ** 53n - 1n,
    1n - 2n ** 53n,
    2n ** 53n,
    2n ** 63n - 1n,
    -(2n ** 63n),
  ])('%d is read exactly, and is a bigint only where a number does not hold it', (long) => {
    const read = over(varint(long)).readLong();

    expect(BigInt(read)).toBe(long);
    expect(typeof read).toBe(Number.isSafeInteger(Number(long)) ? 'number' : 'bigint');
  });

  test('is read exactly and completely, whatever its value', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (long) => {
        const tap = over(varint(long));
        expect(BigInt(tap.readLong())).toBe(long);
        tap.finish();
      }),
    );
  });
});

test('skipping a value moves as far as reading it', () => {
  const bytes = Buffer.concat([varint(-(2n ** 60n)), varint(3n), Buffer.from('abc'), Buffer.alloc(4 + 8 + 1 + 2)]);
  const tap = over(bytes);
  tap.skipLong();
  tap.skipBytes();
  tap.skipFixed(4 + 8);
  tap.skipBoolean();
  tap.skipFixed(2);
  tap.finish();
  expect(() => tap.skipLong()).toThrow('truncated');
});

test.each<[string, (tap: CheckedTap) => unknown]>([
  ['readLong', (tap) => tap.readLong()],
  ['readInt', (tap) => tap.readInt()],
  ['readLong', (tap) => tap.readLong()],
  ['readString', (tap) => tap.readString()],
  ['readBytes', (tap) => tap.readBytes()],
  ['readBoolean', (tap) => tap.readBoolean()],
  ['skipLong', (tap) => tap.skipLong()],
  ['skipBytes', (tap) => tap.skipBytes()],
  ['skipBoolean', (tap) => tap.skipBoolean()],
  ['readFloat', (tap) => tap.readFloat()],
  ['readDouble', (tap) => tap.readDouble()],
  ['readFixed', (tap) => tap.readFixed(1)],
  ['readIndex', (tap) => tap.readIndex(1)],
  ['readItemCount', (tap) => tap.readItemCount()],
  ['skipItemCount', (tap) => tap.skipItemCount()],
  ['skipFixed', (tap) => tap.skipFixed(1)],
])('%s does not go past the end', (_name, step) => {
  expect(() => step(over(Buffer.alloc(0)))).toThrow('truncated');
});

test('bytes that are read are a copy', () => {
  const bytes = Buffer.concat([varint(3n), Buffer.from('abc')]);
  const read = over(bytes).readBytes();

  bytes.fill(0);

  expect(read.toString()).toBe('abc');
});

test('an expected text is distinguished from another text of the same length', () => {
  const texts = ['company-1', 'company-2', 'company-1'];
  const bytes = Buffer.concat(texts.map((text) => Buffer.concat([varint(BigInt(text.length)), Buffer.from(text)])));
  const tap = new CheckedTap();
  tap.start(bytes, 0, Buffer.from('company-1'), 'company-1');

  expect(texts.map(() => tap.readString())).toEqual(texts);
  tap.finish();
});
