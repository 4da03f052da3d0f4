/** Access to files and folders that may appear or disappear at any time. */
import { stat } from 'node:fs/promises';

/** The unit of `Stats.blocks`. */
const BLOCK_BYTES = 512;

/** The bytes that a file takes on the disk, without holes and without space reserved for it. 0 if it does not exist. */
export async function bytesOf(file: string): Promise<number> {
  const found = await ifThere(stat(file));
  return found === null ? 0 : Math.min(found.size, found.blocks * BLOCK_BYTES);
}

/** Null if the file or folder does not exist, or no longer exists. */
export async function ifThere<T>(look: Promise<T>): Promise<T | null> {
  try {
    return await look;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw error;
  }
}
