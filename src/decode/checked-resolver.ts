/** avsc's schema resolution, reading through a tap that checks every step. */
import avro from 'avsc';
import type { CheckedTap } from './checked-tap.js';

/** Reads values of one writer schema as one reader type. Throws an Error where the bytes are not such a value. */
export interface CheckedResolver<T> {
  /** avsc's own name: its public `fromBuffer` would read through its unchecked tap (checked-tap.ts). */
  _read(tap: CheckedTap): T;
}

/**
 * @returns T is what `reader` gives; nothing checks that
 * @throws Error where values of `writer` cannot be read as `reader`
 */
export function createCheckedResolver<T>(reader: avro.Type, writer: avro.Type): CheckedResolver<T> {
  // Unqualified names decide, as the Avro specification has it: a producer's own namespace makes no other schema.
  return reader.createResolver(writer, { ignoreNamespaces: true }) as unknown as CheckedResolver<T>;
}
