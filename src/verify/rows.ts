/**
 * The rows of the scratch store. Their keys sort them so that a scan gives the history of one company after the other:
 * each record of the input, right after the announcements and the dead letters that name its offset as their evidence.
 *
 *     row       partition of the input, group, offset in the input, kind, partition and offset of the record itself
 *     group     all records with the same key: a company
 */
import { createHash } from 'node:crypto';
import { ByteReader } from '../lib/byte-reader.js';
import { ByteWriter } from '../lib/byte-writer.js';
import type { Header, LogRecord } from '../lib/record.js';

/** In the order in which the rows of one offset are read. */
export const ROW_KINDS = ['announcement', 'dead-letter', 'record'] as const;
export type RowKind = (typeof ROW_KINDS)[number];

/** A record of one of the three topics, beside the offset of the input that it is about. */
export interface Row {
  readonly kind: RowKind;
  /** The offset in the input that the record has, or names. */
  readonly about: number;
  /** The partition of the record in its own topic. */
  readonly partition: number;
  readonly record: LogRecord;
}

/** `<partition>/<offset>` of the record in its own topic. */
export function placeOf({ partition, record }: Row): string {
  return `${partition}/${record.offset}`;
}

export interface StoredRow {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** A scan of the store gives rows in the order of their keys. */
export interface Scratch {
  write(rows: readonly StoredRow[]): Promise<void>;
  pairs(prefix: Buffer): AsyncIterable<StoredRow>;
}

const NO_KEY = 0;
const WHOLE_KEY = 1;
/** The rows of a longer key have its digest: no company has such an id. */
const LONG_KEY = 2;
const MAX_WHOLE_KEY_BYTES = 1_024;

/** Whether a row has its record's key, or the record has the key of its group. */
const HAS_GROUP_KEY = 0;
const HAS_OWN_KEY = 1;
const NOTHING = Buffer.alloc(0);

const PARTITION_BYTES = 4;
const OFFSET_BYTES = 8;
/** Offset, kind, partition and offset of the record itself. */
const TAIL_BYTES = OFFSET_BYTES + 1 + PARTITION_BYTES + OFFSET_BYTES;

export function partitionPrefix(partition: number): Buffer {
  const prefix = Buffer.alloc(PARTITION_BYTES);
  prefix.writeUInt32BE(partition);
  return prefix;
}

/** Writes rows into shared memory. The bytes never move, so they can be kept until they are written. */
export class RowWriter {
  #bytes = new ByteWriter();
  readonly #tail = Buffer.alloc(TAIL_BYTES);
  readonly #timestamp = Buffer.alloc(OFFSET_BYTES);

  /**
   * @param inputPartition the partition of the input that the row is about
   * @param groupKey the key of the records that the row belongs to: its own key, unless that is wrong
   */
  row(inputPartition: number, { kind, about, partition, record }: Row, groupKey = record.key): StoredRow {
    const bytes = this.#bytes;
    bytes.begin();
    bytes.bytes(partitionPrefix(inputPartition));
    this.#group(groupKey);
    const tail = this.#tail;
    tail.writeBigUInt64BE(BigInt(about), 0);
    tail[OFFSET_BYTES] = ROW_KINDS.indexOf(kind);
    tail.writeUInt32BE(partition, OFFSET_BYTES + 1);
    tail.writeBigUInt64BE(BigInt(record.offset), OFFSET_BYTES + 1 + PARTITION_BYTES);
    bytes.bytes(tail);
    const key = bytes.end();
    return { key, value: this.#value(record, isWhole(groupKey) && groupKey.equals(record.key ?? NOTHING)) };
  }

  #group(key: Buffer | null): void {
    const bytes = this.#bytes;
    if (key === null || key.length === 0) bytes.byte(NO_KEY);
    else if (isWhole(key)) {
      bytes.byte(WHOLE_KEY);
      bytes.byte(key.length >> 8);
      bytes.byte(key.length & 0xff);
      bytes.bytes(key);
    } else {
      bytes.byte(LONG_KEY);
      bytes.bytes(createHash('sha256').update(key).digest());
    }
  }

  #value({ timestamp, key, value, headers }: LogRecord, hasGroupKey: boolean): Buffer {
    const bytes = this.#bytes;
    bytes.begin();
    this.#timestamp.writeDoubleBE(timestamp);
    bytes.bytes(this.#timestamp);
    bytes.byte(hasGroupKey ? HAS_GROUP_KEY : HAS_OWN_KEY);
    if (!hasGroupKey) this.#sized(key);
    this.#sized(value);
    bytes.varint(headers.length);
    for (const header of headers) {
      bytes.text(header.key);
      this.#sized(header.value);
    }
    return bytes.end();
  }

  /** The length plus one, then the bytes; 0 for null. */
  #sized(value: Buffer | null): void {
    this.#bytes.varint(value === null ? 0 : value.length + 1);
    if (value !== null) this.#bytes.bytes(value);
  }
}

function isWhole(key: Buffer | null): key is Buffer {
  return key !== null && key.length > 0 && key.length <= MAX_WHOLE_KEY_BYTES;
}

/** Reads rows. The records are slices of the stored bytes. */
export class RowReader {
  #group: Buffer = Buffer.alloc(0);

  /** The key of the group of the row read last; null if it is not the id of a company. */
  get groupKey(): Buffer | null {
    return keyOf(this.#group);
  }

  /** @returns the row, and whether it begins another group than the row before it */
  read({ key, value }: StoredRow): { readonly row: Row; readonly isNewGroup: boolean } {
    const group = key.subarray(0, key.length - TAIL_BYTES);
    const isNewGroup = !group.equals(this.#group);
    if (isNewGroup) this.#group = Buffer.from(group);
    const at = group.length;
    const about = Number(key.readBigUInt64BE(at));
    const kind = ROW_KINDS[key[at + OFFSET_BYTES] as number] as RowKind;
    const partition = key.readUInt32BE(at + OFFSET_BYTES + 1);
    const offset = Number(key.readBigUInt64BE(at + OFFSET_BYTES + 1 + PARTITION_BYTES));
    return { row: { kind, about, partition, record: readRecord(value, offset, keyOf(this.#group)) }, isNewGroup };
  }
}

/** The key of the group's records; null if they have none, or a key that is too long to be an id. */
function keyOf(group: Buffer): Buffer | null {
  return group[PARTITION_BYTES] === WHOLE_KEY ? group.subarray(PARTITION_BYTES + 3) : null;
}

function readRecord(stored: Buffer, offset: number, groupKey: Buffer | null): LogRecord {
  const reader = new ByteReader(stored, 'scratch row');
  const timestamp = reader.slice(OFFSET_BYTES).readDoubleBE();
  const key = reader.byte() === HAS_GROUP_KEY ? groupKey : sized(reader);
  const value = sized(reader);
  const count = reader.count();
  const headers: Header[] = [];
  for (let i = 0; i < count; i++) headers.push({ key: reader.text(), value: sized(reader) });
  return { offset, timestamp, key, value, headers };
}

function sized(reader: ByteReader): Buffer | null {
  const length = reader.varint();
  return length === 0 ? null : reader.slice(length - 1);
}
