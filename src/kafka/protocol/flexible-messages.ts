/** What the flexible versions of Kafka's messages (KIP-482) have more than others: compact lengths and tagged fields. */
import Decoder from 'kafkajs/src/protocol/decoder.js';
import Encoder from 'kafkajs/src/protocol/encoder.js';

const NO_TAGGED_FIELDS = 0;

/** The body of a request. kafkajs writes the header of the other versions, which is the same up to its tagged fields. */
export function flexibleBody(): Encoder {
  return new Encoder().writeUVarInt(NO_TAGGED_FIELDS);
}

/** Ends a structure, the body too. */
export function endOfFields(structure: Encoder): Encoder {
  return structure.writeUVarInt(NO_TAGGED_FIELDS);
}

/** At the body of an answer, behind what kafkajs has read of its header. */
export function flexibleAnswer(bytes: Buffer): Decoder {
  const decoder = new Decoder(bytes);
  decoder.readTaggedFields();
  return decoder;
}
