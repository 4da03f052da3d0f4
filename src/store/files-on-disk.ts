/** Files and folders that may come and go while they are looked at. */
import { stat } from 'node:fs/promises';

/** The unit of `Stats.blocks`. */
const BLOCK_BYTES = 512;

/** What a file takes of the disk: not its holes, and not what is reserved for it. 0 if it is not there. */
export async function bytesOf(file: string): Promise<number> {
  const found = await ifThere(stat(file));
  return found === null ? 0 : Math.min(found.size, found.blocks * BLOCK_BYTES);
}

/** Null for a file or folder that is not there, or not any more. */
export async function ifThere<T>(look: Promise<T>): Promise<T | null> {
  try {
    return await look;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw error;
  }
}
