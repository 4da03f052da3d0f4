/** Puts the rows of one changelog partition on disk, as a restore would, in a temporary folder. */
import { lstat, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { temporaryFolder } from '../lib/temporary-folder.js';
import { MINUTE_MS } from '../lib/time-units.js';
import { withReader } from '../lib/with-reader.js';
import type { TopicPartition } from '../lib/record.js';
import type { Logs } from '../pipeline/ports.js';
import { changesOf } from '../store/changelog-rows.js';
import { ifThere } from '../store/files-on-disk.js';
import { CorruptStoreError, type Pair } from '../store/key-value-store.js';
import { RocksDbStore } from '../store/rocks-db-store.js';
import { boundsOrRefusal } from './before-fencing.js';

const READ_RECORDS = 50_000;
const WRITE_ROWS = 2_000;
const PREFIX = 'company-sync-rows-';
/** A younger folder may be of a process that is about to open its store. */
const LEFT_AFTER_MS = MINUTE_MS;

/**
 * Removes the folders that killed processes have left. A folder whose store is open in a process is not touched.
 * @param within TMPDIR
 * @returns the folders that were removed
 */
export async function removeLeftRows(now: number, within = tmpdir()): Promise<string[]> {
  const removed: string[] = [];
  // In the image, TMPDIR does not exist before its first use.
  for (const name of (await ifThere(readdir(within))) ?? []) {
    const folder = join(within, name);
    if (name.startsWith(PREFIX) && (await isLeft(folder, now))) {
      await rm(folder, { recursive: true, force: true });
      removed.push(folder);
    }
  }
  return removed;
}

async function isLeft(folder: string, now: number): Promise<boolean> {
  try {
    // A link or a file is not from this command.
    const found = await lstat(folder);
    if (!found.isDirectory() || found.uid !== process.getuid?.() || now - found.mtimeMs < LEFT_AFTER_MS) return false;
    await (await RocksDbStore.open(folder)).close();
  } catch (error) {
    // A store that was killed while it was created may be corrupt. Only a store that is locked is in use.
    return error instanceof CorruptStoreError;
  }
  return true;
}

/**
 * Replays the changelog up to its last stable offset, and gives the remaining rows to `use`, in key order. Removes the
 * folder afterwards.
 *
 * @throws RepartitionRefusedError while too few brokers answer to know where the changelog ends
 */
export async function withRows<T>(
  logs: Logs,
  partition: TopicPartition,
  use: (rows: AsyncIterable<Pair>) => Promise<T>,
): Promise<T> {
  const folder = await temporaryFolder(PREFIX);
  try {
    const store = await RocksDbStore.open(folder);
    try {
      await replay(logs, partition, store);
      return await use(store.pairs(Buffer.alloc(0)));
    } finally {
      await store.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function replay(logs: Logs, log: TopicPartition, store: RocksDbStore): Promise<void> {
  const { start, end } = await boundsOrRefusal(logs, log);
  await withReader(logs.reader(log, start), async (reader) => {
    for (let position = start; position < end;) {
      const { records, nextOffset } = await reader.next(READ_RECORDS);
      for (let from = 0; from < records.length; from += WRITE_ROWS)
        await store.write(changesOf(records, from, Math.min(from + WRITE_ROWS, records.length)));
      position = nextOffset;
    }
  });
}
