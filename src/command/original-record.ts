/**
 * Compares dead letters with the input records that they name. Every client that can write to the dead-letter topic can
 * write a dead letter with any bytes. The processor's own dead letters have the bytes of their records.
 */
import { createHash } from 'node:crypto';
import { REPAIRS_HEADER } from '../decode/sync-event-decoder.js';
import { withReader } from '../lib/with-reader.js';
import type { Header, LogRecord, TopicPartition } from '../lib/record.js';
import type { Logs } from '../pipeline/ports.js';
import { type DeadLetter, idOf } from '../publish/dead-letter.js';
import type { RecordId } from './repair-attempts.js';

/** `gone`: retention has deleted the record, or the input never had it. */
export type Original = 'same' | 'differs' | 'gone';

/** Of one digest in memory, with its object. */
export const DIGEST_BYTES = 100;
/**
 * Different dead letters of one record that are kept. The processor writes one, or equal ones. Later ones count as
 * written by another client, so their record counts as good.
 */
const MAX_DIFFERENT_DEAD_LETTERS = 1_000;

type Bytes = Pick<LogRecord, 'key' | 'value' | 'headers'>;

/** Compares the dead letter with its record: key, value and `repairs` headers. Other headers change no company. */
export function originalOf(deadLetter: Bytes, record: Bytes | null): Original {
  if (record === null) return 'gone';
  const same =
    isEqual(deadLetter.key, record.key) &&
    isEqual(deadLetter.value, record.value) &&
    areEqual(repairsIn(deadLetter.headers), repairsIn(record.headers));
  return same ? 'same' : 'differs';
}

/** Why the dead letter must not be sent; null if it has the bytes of its record. */
export function refusalOfOriginal(original: Original, deadLetter: DeadLetter): string | null {
  const id = idOf(deadLetter);
  const pass = `look at it (company-sync dead-letters show ${id}), and pass --unverified to repair it anyway`;
  switch (original) {
    case 'same':
      return null;
    case 'differs':
      return `the dead letter is not a copy of record ${id} of ${deadLetter.topic}, so another client may have written it: ${pass}`;
    case 'gone':
      return `${deadLetter.topic} does not have record ${id} now, so nobody can check that the dead letter is a copy of it: ${pass}`;
  }
}

/** Which input records are bad. */
export interface BadRecords {
  /** Whether a dead letter names the record. */
  has(id: RecordId): boolean;
  /** Whether a dead letter that names the record is a copy of it. A good record may have a dead letter of another client. */
  hasCopyOf(id: RecordId, record: Bytes): boolean;
}

/** Keeps a digest of each dead letter. */
export class DeadLetterDigests implements BadRecords {
  readonly #digests = new Map<RecordId, string[]>();

  has(id: RecordId): boolean {
    return this.#digests.has(id);
  }

  hasCopyOf(id: RecordId, record: Bytes): boolean {
    return this.#digests.get(id)?.includes(digestOf(record)) ?? false;
  }

  /** Returns how many bytes this takes: none if the same dead letter is known. */
  add(id: RecordId, deadLetter: Bytes): number {
    const digest = digestOf(deadLetter);
    const known = this.#digests.get(id);
    if (known === undefined) this.#digests.set(id, [digest]);
    else if (known.includes(digest)) return 0;
    else if (known.length < MAX_DIFFERENT_DEAD_LETTERS) known.push(digest);
    else return 0;
    return DIGEST_BYTES;
  }
}

/**
 * The input records that dead letters name, as a command finds them while it reads the input. Keeps a digest of each
 * record. So the records may be read long before the dead letters, whose values do not all fit into memory.
 */
export class Originals {
  readonly #digests = new Map<RecordId, string>();

  /** @param ids the records that dead letters name */
  constructor(private readonly ids: Pick<ReadonlySet<RecordId>, 'has'>) {}

  take(partition: number, records: readonly LogRecord[]): void {
    for (const record of records) {
      const id = idOf({ partition, offset: record.offset });
      if (this.ids.has(id)) this.#digests.set(id, digestOf(record));
    }
  }

  /** As `originalOf`. */
  of(deadLetter: DeadLetter): Original {
    const digest = this.#digests.get(idOf(deadLetter));
    if (digest === undefined) return 'gone';
    return digest === digestOf(deadLetter) ? 'same' : 'differs';
  }
}

/**
 * Reads one record. Returns null if the log does not have it: it was deleted, it does not exist yet, or its transaction
 * was aborted.
 */
export async function recordAt(
  logs: Pick<Logs, 'bounds' | 'reader'>,
  partition: TopicPartition,
  offset: number,
): Promise<LogRecord | null> {
  const { start, end } = await logs.bounds(partition);
  if (offset < start || offset >= end) return null;
  return withReader(logs.reader(partition, offset), async (reader) => {
    for (let position = offset; position <= offset;) {
      const { records, nextOffset } = await reader.next(1);
      const record = records.find((candidate) => candidate.offset === offset);
      if (record !== undefined) return copied(record);
      position = nextOffset;
    }
    return null;
  });
}

/** The buffers of a record are valid only until the next call of `next`. */
function copied({ offset, timestamp, key, value, headers }: LogRecord): LogRecord {
  const copy = (bytes: Buffer | null) => (bytes === null ? null : Buffer.from(bytes));
  return {
    offset,
    timestamp,
    key: copy(key),
    value: copy(value),
    headers: headers.map((header) => ({ key: header.key, value: copy(header.value) })),
  };
}

/** Equal only for the same key, value and `repairs` headers. One character for each byte. */
function digestOf({ key, value, headers }: Bytes): string {
  const hash = createHash('sha256');
  for (const bytes of [key, value, ...repairsIn(headers)]) {
    // The length comes first: otherwise a byte could belong to the key or to the value.
    hash.update(`${bytes === null ? -1 : bytes.length};`);
    if (bytes !== null) hash.update(bytes);
  }
  return hash.digest().toString('latin1');
}

function repairsIn(headers: readonly Header[]): (Buffer | null)[] {
  return headers.filter(({ key }) => key === REPAIRS_HEADER).map(({ value }) => value);
}

function areEqual(a: readonly (Buffer | null)[], b: readonly (Buffer | null)[]): boolean {
  return a.length === b.length && a.every((bytes, i) => isEqual(bytes, b[i] ?? null));
}

function isEqual(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}
