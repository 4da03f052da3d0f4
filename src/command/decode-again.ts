/** Decodes records of the input for a command, with the schemas that the registry has now. */
import type { SyncEventDecoder } from '../decode/sync-event-decoder.js';
import { framingFault, schemaIdOf } from '../avro/framing.js';
import { isBadRecord, type Decoded } from '../decode/bad-record.js';
import { DecodingAbortedError } from '../decode/schema-resolution.js';
import type { InputEvent } from '../domain/events.js';
import { NO_HEADERS, type LogRecord } from '../lib/record.js';
import { MINUTE_MS } from '../lib/time-units.js';

const DECODED_AT_ONCE = 1_000;
/** Schema ids that are requested together: an id that the registry does not have is requested several times within 10 s. */
const SCHEMAS_AT_ONCE = 100;
/**
 * The time limit of one portion is this, for each of its schemas. It is twice the longest time that the look-up of a large
 * schema may take (registry/schema-turns.ts).
 */
const SCHEMA_TIMEOUT_MS = MINUTE_MS;
/** The name under which these requests take their turns at the registry. */
const ASKER = 'a command';

type Bytes = Omit<LogRecord, 'headers'>;

interface Piece {
  readonly records: LogRecord[];
  readonly schemas: Set<number>;
}

export interface DecodeOptions {
  /** For each schema of a portion. */
  readonly timeoutMs?: number;
  /** What a record counts as if its schema took too long. @throws an error to end the decoding */
  readonly onTimeout: (why: string) => string;
}

/** Returns the event of each record, in their order. If a record cannot be decoded, returns the reason as text. */
export async function decodeAgain(
  decoder: Pick<SyncEventDecoder, 'begin'>,
  records: readonly Bytes[],
  { timeoutMs = SCHEMA_TIMEOUT_MS, onTimeout }: DecodeOptions,
): Promise<(InputEvent | string)[]> {
  const events: (InputEvent | string)[] = [];
  for (const piece of piecesOf(records)) await decodePiece(decoder, piece, events, { timeoutMs, onTimeout });
  return events;
}

async function decodePiece(
  decoder: Pick<SyncEventDecoder, 'begin'>,
  { records, schemas }: Piece,
  events: (InputEvent | string)[],
  { timeoutMs, onTimeout }: Required<DecodeOptions>,
): Promise<void> {
  const limitMs = timeoutMs * Math.max(1, schemas.size);
  const signal = AbortSignal.timeout(limitMs);
  const decoding = decoder.begin(records, ASKER);
  let taken = 0;
  const take = (portion: readonly Decoded[]): void => {
    taken += portion.length;
    for (const decoded of portion)
      events.push(isBadRecord(decoded) ? `${decoded.code}: ${decoded.message.split(';')[0] ?? ''}` : decoded);
  };
  try {
    take(await decoding.all(signal));
  } catch (error) {
    if (!(error instanceof DecodingAbortedError)) throw error;
    take(decoding.known());
    const next = records[taken];
    if (next === undefined) return;
    const why =
      `schema ${schemaOf(next)} of offset ${next.offset} was not fetched from the schema registry and compiled ` +
      `within ${limitMs / 1_000} s, ${timeoutMs / 1_000} s for each of ${schemas.size} schemas read together`;
    for (; taken < records.length; taken++) events.push(onTimeout(why));
  }
}

function* piecesOf(records: readonly Bytes[]): Generator<Piece, void, undefined> {
  let piece: Piece = { records: [], schemas: new Set() };
  for (const record of records) {
    const id = schemaOf(record);
    const isNew = id !== null && !piece.schemas.has(id);
    if (piece.records.length >= DECODED_AT_ONCE || (isNew && piece.schemas.size >= SCHEMAS_AT_ONCE)) {
      yield piece;
      piece = { records: [], schemas: new Set() };
    }
    if (id !== null) piece.schemas.add(id);
    piece.records.push({ ...record, headers: NO_HEADERS });
  }
  if (piece.records.length > 0) yield piece;
}

/** The id of the schema of a record; null if it names none. */
function schemaOf({ value }: Bytes): number | null {
  return value === null || framingFault(value) !== null ? null : schemaIdOf(value);
}
