/** The Confluent wire format: a zero byte, the schema id as a big-endian int32, then the Avro value. */
const FRAME_BYTES = 5;

export function frame(schemaId: number, avroValue: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(FRAME_BYTES + avroValue.length);
  framed[0] = 0;
  framed.writeInt32BE(schemaId, 1);
  avroValue.copy(framed, FRAME_BYTES);
  return framed;
}
