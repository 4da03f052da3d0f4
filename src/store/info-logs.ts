/**
 * RocksDB's own log of a store. A file `LOG` grows by statistics as long as the store is open. Each earlier opening
 * left a `LOG.old.<number>`. The binding has no option that limits them, so this file does.
 */
import { readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesOf, ifThere } from './files-on-disk.js';

/** The limit for one `LOG`. A failure leaves fewer messages than this. */
const MAX_LOG_BYTES = 1024 * 1024;
const LOG = 'LOG';
const OLD_LOG = /^LOG\.old\.(\d+)$/;

/**
 * Removes the logs of earlier openings, except the latest one. Call it before an opening, which renames `LOG` to an old
 * log. So each store has at most three logs. If the folder cannot be read, the opening that follows reports it.
 */
export async function removeOldInfoLogs(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  const old = names.filter((name) => OLD_LOG.test(name)).sort((a, b) => ageOf(a) - ageOf(b));
  await Promise.all(old.slice(0, -1).map((name) => rm(join(folder, name), { force: true })));
}

/**
 * Empties each `LOG` of a STATE_DIR that has grown too large, even while its store is open. RocksDB continues to write
 * at its old position. The file then begins with a hole, which takes no space on the disk.
 *
 * @throws if the disk cannot be read or written
 */
export async function boundInfoLogs(stateDir: string): Promise<void> {
  for (const { name } of (await readdir(stateDir, { withFileTypes: true })).filter((entry) => entry.isDirectory())) {
    const log = join(stateDir, name, LOG);
    if ((await bytesOf(log)) > MAX_LOG_BYTES) await ifThere(truncate(log));
  }
}

function ageOf(name: string): number {
  return Number(OLD_LOG.exec(name)?.[1]);
}
