/** An Avro `long` that loses nothing: a number up to 2^53 - 1, a bigint beyond. */
import avro from 'avsc';

/** For reading only, and only where CheckedTap has found the varint to end. */
export const longAsBigint: avro.Type = avro.types.LongType.__with(
  {
    fromBuffer: decodeZigzag,
    toBuffer: readOnly,
    fromJSON: (n: number | bigint) => n,
    toJSON: (n: number | bigint) => n,
    isValid: (n: unknown) => typeof n === 'number' || typeof n === 'bigint',
    compare: readOnly,
  },
  true, // as the varint stands in the value
);

function readOnly(): never {
  throw new Error('longs are only read here');
}

function decodeZigzag(varint: Buffer): number | bigint {
  // Up to 7 bytes hold 49 bits: exact in floating-point arithmetic.
  if (varint.length > 7) return decodeLargeZigzag(varint);
  let n = 0;
  for (let i = varint.length - 1; i >= 0; i--) n = n * 0x80 + ((varint[i] as number) & 0x7f);
  return n % 2 === 0 ? n / 2 : -(n + 1) / 2;
}

function decodeLargeZigzag(varint: Buffer): number | bigint {
  let n = 0n;
  for (let i = varint.length - 1; i >= 0; i--) n = (n << 7n) | BigInt((varint[i] as number) & 0x7f);
  const long = BigInt.asIntN(64, (n >> 1n) ^ -(n & 1n));
  const rounded = Number(long);
  return Number.isSafeInteger(rounded) ? rounded : long;
}
