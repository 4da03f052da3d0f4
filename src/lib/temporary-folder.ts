/** Temporary folders, in TMPDIR. */
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { reasonOf } from './reason-of.js';

/**
 * Creates a temporary folder; the caller removes it. Creates TMPDIR too: in the image it is a folder of the volume, which
 * is empty at first.
 *
 * @param prefix the beginning of the folder's name
 * @throws Error that names TMPDIR, for example if the file system is read-only
 */
export async function temporaryFolder(prefix: string, root = tmpdir()): Promise<string> {
  try {
    await mkdir(root, { recursive: true, mode: 0o700 });
    return await mkdtemp(join(root, prefix));
  } catch (cause) {
    throw new Error(
      `cannot create a temporary folder in ${root}: ${reasonOf(cause)}. Set TMPDIR to a folder that this user may write to`,
      { cause },
    );
  }
}
