/** The parts that only flexible versions of Kafka's messages have (KIP-482): compact lengths and tagged fields. */
import Decoder from 'kafkajs/src/protocol/decoder.js';
import Encoder from 'kafkajs/src/protocol/encoder.js';

const NO_TAGGED_FIELDS = 0;

/** Begins the body of a request. kafkajs writes the header of older versions, which only lacks the tagged fields. */
export function flexibleBody(): Encoder {
  return new Encoder().writeUVarInt(NO_TAGGED_FIELDS);
}

/** Ends a structure or the body. */
export function endOfFields(structure: Encoder): Encoder {
  return structure.writeUVarInt(NO_TAGGED_FIELDS);
}

/** Begins to read the body of an answer. Skips the end of the header, which kafkajs has not read. */
export function flexibleAnswer(bytes: Buffer): Decoder {
  const decoder = new Decoder(bytes);
  decoder.readTaggedFields();
  return decoder;
}
