/** The Confluent wire format: a zero byte, the schema id as a big-endian int32, then the Avro value. */

const MAGIC = 0;

/** Bytes before the Avro value. */
export const FRAME_BYTES = 5;

/** Why a value is not framed, in words; null if it is framed. */
export function framingFault(value: Buffer | null): string | null {
  if (value === null) return 'the value is null';
  if (value.length < FRAME_BYTES)
    return `the value has ${value.length} bytes, less than the ${FRAME_BYTES} of a schema id's frame`;
  if (value[0] !== MAGIC) return `the value starts with byte ${value[0]} instead of ${MAGIC}, so it has no schema id`;
  return null;
}

/** The schema id of a framed value. A registry's ids start at 1, but a value may contain any number. */
export function schemaIdOf(framed: Buffer): number {
  return framed.readInt32BE(1);
}

export function frame(schemaId: number, avroValue: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(FRAME_BYTES + avroValue.length);
  framed[0] = MAGIC;
  framed.writeInt32BE(schemaId, 1);
  avroValue.copy(framed, FRAME_BYTES);
  return framed;
}
