/** All data of an instance that another release reads: on its disk, in the changelog and in the group. */
import type * as memberMessages from '../../src/kafka/group/member-messages.js';
import type * as byteWriter from '../../src/lib/byte-writer.js';
import type * as partitionMeta from '../../src/store/partition-meta.js';
import type * as rowCodec from '../../src/store/row-codec.js';
import type * as rowKeys from '../../src/store/row-keys.js';

/** The functions of one build that write and read these formats. */
export type StoredModules = typeof byteWriter &
  typeof rowCodec &
  typeof partitionMeta &
  typeof rowKeys &
  typeof memberMessages;

export const STORED_KINDS = [
  ...(['company', 'info', 'dataset', 'hold', 'position'] as const),
  ...(['key', 'undo', 'identity', 'changelog-position', 'member-info', 'standbys'] as const),
];
export type StoredKind = (typeof STORED_KINDS)[number];

export interface StoredValue {
  readonly kind: StoredKind;
  /** In hexadecimal digits. */
  readonly bytes: string;
  readonly value: unknown;
}

interface Format {
  write(value: never): Buffer;
  read(bytes: Buffer): unknown;
}

/** One entry of an undo: the key and its prior. */
interface Prior {
  readonly key: Buffer;
  readonly value: Buffer | null;
}

/** Any topic name: the standbys are next to the partitions of the input in the message. */
const TOPIC = 'sync-events';

export function storedFormats(modules: StoredModules): Record<StoredKind, Format> {
  const row = <T>(write: (to: byteWriter.ByteWriter, value: T) => void, read: (bytes: Buffer) => unknown): Format => ({
    write: (value: T) => {
      const to = new modules.ByteWriter();
      to.begin();
      write(to, value);
      return to.end();
    },
    read,
  });
  return {
    company: row(modules.writeCompanyRow, modules.decodeCompanyRow),
    info: row(modules.writeInfoRow, modules.decodeInfoRow),
    dataset: row(modules.writeDatasetRow, modules.decodeDatasetRow),
    hold: row(modules.writeHoldRow, modules.decodeHoldRow),
    position: row(modules.writePositionRow, modules.decodePositionRow),
    key: { write: (key: rowKeys.RowKey) => keyBytes(modules, key), read: modules.parseRowKey },
    undo: {
      write: (priors: readonly Prior[]) => {
        const undo = new modules.UndoWriter();
        for (const { key, value } of [...priors].reverse()) undo.add(key, value, (to, prior) => to.bytes(prior));
        return undo.end();
      },
      read: modules.decodeUndo,
    },
    identity: { write: modules.encodeIdentity, read: modules.decodeIdentity },
    'changelog-position': { write: modules.encodeChangelogPosition, read: modules.decodeChangelogPosition },
    'member-info': { write: modules.encodeMemberInfo, read: modules.decodeMemberInfo },
    standbys: {
      write: (standby: number[]) => modules.encodeAssignment(TOPIC, { active: [], standby }),
      read: modules.standbysIn,
    },
  };
}

function keyBytes(modules: StoredModules, key: rowKeys.RowKey): Buffer {
  switch (key.kind) {
    case 'company':
      return modules.companyKey(key.companyId);
    case 'info':
      return modules.infoKey(key.companyId);
    case 'dataset':
      return modules.datasetKey(key.companyId, key.datasetId);
    case 'hold':
      return modules.holdKey(key.companyId, key.holdId);
    case 'position':
      return modules.POSITION_KEY;
    case 'first-sync':
    case 'origin':
      throw new Error(`the previous release has no ${key.kind} row`);
  }
}

/**
 * JSON that can also represent the types in these values: `{"$bigint": "5"}`, `{"$hex": "0105"}`, `{"$map": [[1, 2]]}`.
 */
export function toJson(value: unknown): string {
  return JSON.stringify(marked(value));
}

export function fromJson(json: string): unknown {
  return JSON.parse(json, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value;
    if ('$bigint' in value) return BigInt(value.$bigint as string);
    if ('$hex' in value) return Buffer.from(value.$hex as string, 'hex');
    return '$map' in value ? new Map(value.$map as [unknown, unknown][]) : value;
  });
}

/** Not a replacer: a replacer would get the result of a buffer's own `toJSON`. */
function marked(value: unknown): unknown {
  if (typeof value === 'bigint') return { $bigint: String(value) };
  if (typeof value !== 'object' || value === null) return value;
  if (Buffer.isBuffer(value)) return { $hex: value.toString('hex') };
  if (value instanceof Map) return { $map: [...value].map(marked) };
  if (Array.isArray(value)) return value.map(marked);
  return Object.fromEntries(Object.entries(value).map(([field, content]) => [field, marked(content)]));
}
