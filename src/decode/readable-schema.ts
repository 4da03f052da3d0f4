/** The verdict on a registered schema, given once. */
import avro from 'avsc';

/** A schema's values can be read, or none of them can, and why. */
export type ReadableSchema<Reader> =
  { readonly kind: 'readable'; readonly reader: Reader } | { readonly kind: 'unreadable'; readonly why: string };

/**
 * @param prepare makes what reads values of the writer's schema; throws an Error where it does not resolve
 */
export function judgeSchema<Reader>(
  registered: object,
  prepare: (writer: avro.Type) => Reader,
): ReadableSchema<Reader> {
  try {
    return { kind: 'readable', reader: prepare(avro.Type.forSchema(registered as avro.Schema)) };
  } catch (error) {
    // Whatever avsc has against the schema: no record of one that it cannot parse or resolve can be decoded.
    return { kind: 'unreadable', why: (error as Error).message };
  }
}
