/** An Avro `long` that loses nothing: a number up to 2^53 - 1, a bigint beyond. */
import avro from 'avsc';

/** For reading through CheckedTap only: what its `unpackLongBytes` gives is already the value. */
export const longAsBigint: avro.Type = avro.types.LongType.__with({
  fromBuffer: asItIs,
  fromJSON: asItIs,
  toJSON: asItIs,
  toBuffer: readOnly,
  isValid: isLong, // defaults are checked by it
  compare: readOnly,
});

function asItIs(n: number | bigint): number | bigint {
  return n;
}

function isLong(n: unknown): boolean {
  return typeof n === 'number' || typeof n === 'bigint';
}

function readOnly(): never {
  throw new Error('longs of this type are only read');
}
