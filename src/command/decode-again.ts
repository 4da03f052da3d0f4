/** Decodes records of the input for a command, with the schemas that the registry has now. */
import type { SyncEventDecoder } from '../decode/sync-event-decoder.js';
import { framingFault, schemaIdOf } from '../avro/framing.js';
import { isBadRecord } from '../decode/bad-record.js';
import { DecodingAbortedError } from '../decode/schema-resolution.js';
import type { InputEvent } from '../domain/events.js';
import { NO_HEADERS, type LogRecord } from '../lib/record.js';
import { MINUTE_MS } from '../lib/time-units.js';

const DECODED_AT_ONCE = 1_000;
/**
 * Schema ids that are requested together. An id that the registry does not have is requested several times within 10 s.
 * The registry can answer so many within DECODE_TIMEOUT_MS even if each answer takes two seconds.
 */
const SCHEMAS_AT_ONCE = 100;
/** The time limit for the registry to return the schemas of one portion. */
const DECODE_TIMEOUT_MS = MINUTE_MS;

type Bytes = Omit<LogRecord, 'headers'>;

export interface DecodeOptions {
  readonly timeoutMs?: number;
  /** What a record counts as if the registry took too long. @throws an error to end the decoding */
  readonly onTimeout: (why: string) => string;
}

/** Returns the event of each record, in their order. If a record cannot be decoded, returns the reason as text. */
export async function decodeAgain(
  decoder: Pick<SyncEventDecoder, 'decodeBatch'>,
  records: readonly Bytes[],
  { timeoutMs = DECODE_TIMEOUT_MS, onTimeout }: DecodeOptions,
): Promise<(InputEvent | string)[]> {
  const events: (InputEvent | string)[] = [];
  for (const piece of piecesOf(records)) {
    try {
      for (const decoded of await decoder.decodeBatch(piece, AbortSignal.timeout(timeoutMs)))
        events.push(isBadRecord(decoded) ? `${decoded.code}: ${decoded.message.split(';')[0] ?? ''}` : decoded);
    } catch (error) {
      if (!(error instanceof DecodingAbortedError)) throw error;
      const why = `the schema registry did not return the schemas of ${piece.length} records within ${timeoutMs / 1_000} s`;
      for (let i = 0; i < piece.length; i++) events.push(onTimeout(why));
    }
  }
  return events;
}

function* piecesOf(records: readonly Bytes[]): Generator<LogRecord[], void, undefined> {
  let piece: LogRecord[] = [];
  const schemas = new Set<number>();
  for (const record of records) {
    const { value } = record;
    const id = value === null || framingFault(value) !== null ? null : schemaIdOf(value);
    const isNew = id !== null && !schemas.has(id);
    if (piece.length >= DECODED_AT_ONCE || (isNew && schemas.size >= SCHEMAS_AT_ONCE)) {
      yield piece;
      piece = [];
      schemas.clear();
    }
    if (id !== null) schemas.add(id);
    piece.push({ ...record, headers: NO_HEADERS });
  }
  if (piece.length > 0) yield piece;
}
