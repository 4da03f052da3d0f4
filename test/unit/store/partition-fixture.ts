/** A partition's store with rows named by letters, for tests. */
import { NO_HEADERS } from '../../../src/lib/record.js';
import type { StateDirectory } from '../../../src/store/key-value-store.js';
import { openPartitionStore, type OpenOptions } from '../../../src/store/open-partition-store.js';
import type { PartitionStore } from '../../../src/store/partition-store.js';
import { writePositionRow, type PositionRow } from '../../../src/store/row-codec.js';
import { POSITION_KEY } from '../../../src/store/row-keys.js';
import { ByteWriter } from '../../../src/lib/byte-writer.js';
import { UndoWriter } from '../../../src/store/partition-meta.js';
import type { EncodedChanges } from '../../../src/store/state-changes.js';
import { HOUR_MS } from '../../../src/lib/time-units.js';

export const PARTITION = 3;
export const identity = { clusterId: 'c', applicationId: 'company-sync', topic: 'sync-events', partition: PARTITION };
/** Of brokers without topic ids and leader epochs. */
export const NO_LOG_ID = { topicId: null, leaderEpoch: -1 } as const;

export function open(directory: StateDirectory, options: Partial<OpenOptions> = {}): Promise<PartitionStore> {
  return openPartitionStore(directory, PARTITION, {
    identity,
    changelogEnd: 1_000,
    changelogLog: NO_LOG_ID,
    endOfEpoch: () => Promise.resolve(null),
    isOnlyCopy: () => Promise.resolve(false),
    proved: true,
    maxAwayMs: HOUR_MS,
    now: 0,
    onSetAside: (why) => {
      throw new Error(`set aside: ${why}`);
    },
    ...options,
  });
}

/** Changes written as `key:prior>value`, such as `a:->1 b:1->` (`a` is made, `b` removed), with the position row. */
export function changes(spec: string, position: number, priorPosition: number | null): EncodedChanges {
  const rows = spec.split(' ').map((change) => {
    const [key = '', prior = '', value = ''] = change.split(/:|->/);
    return { key: Buffer.from(key), prior: bytes(prior), value: bytes(value) };
  });
  rows.push({ key: POSITION_KEY, prior: positionBytes(priorPosition), value: positionBytes(position) });
  const undo = new UndoWriter();
  for (const { key, prior } of rows) undo.add(key, prior, (to, row) => to.bytes(row));
  const changed = rows.map(({ key, value }) => ({ key, value, headers: NO_HEADERS }));
  return { changes: changed, local: [], undo: undo.end(), origin: null };
}

export function positionRow(offset: number): PositionRow {
  return { topic: 'sync-events', offset, countedUnder: 1 };
}

/** @param at its offset in the changelog */
export function positionRecord(offset: number, at = 0): { offset: number; key: Buffer; value: Buffer | null } {
  return { offset: at, key: POSITION_KEY, value: positionBytes(offset) };
}

/** The rows of the store, as text: `a=1 b=2`. */
export async function rowsOf(store: PartitionStore): Promise<string> {
  const rows = (await store.scan(Buffer.alloc(0))).filter(({ key }) => key[0] !== 0x4d && key[0] !== 0x50);
  return rows.map(({ key, value }) => `${key.toString()}=${value.toString()}`).join(' ');
}

function positionBytes(offset: number | null): Buffer | null {
  if (offset === null) return null;
  const to = new ByteWriter();
  to.begin();
  writePositionRow(to, positionRow(offset));
  return to.end();
}

function bytes(text: string): Buffer | null {
  return text === '' ? null : Buffer.from(text);
}
