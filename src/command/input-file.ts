/** Files that a flag names: they are checked before anything else, because a wrong path is a wrong flag. */
import { access, constants, stat } from 'node:fs/promises';
import { readSmallFile, SmallFileError } from '../lib/small-file.js';
import { UsageError } from './command.js';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read it',
};

/**
 * @param flag with its dashes
 * @param file - for standard input, which is not checked
 * @throws UsageError if the file cannot be read
 */
export async function mustBeReadable(flag: string, file: string): Promise<void> {
  if (file === '-') return;
  let isFolder: boolean;
  try {
    await access(file, constants.R_OK);
    isFolder = (await stat(file)).isDirectory();
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw fault(flag, file, REASONS[code] ?? `it cannot be read (${code})`);
  }
  if (isFolder) throw fault(flag, file, 'expected a file, and this is a folder');
}

/** Above one event: a record of 1 MB, with each byte escaped. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

/**
 * The content of a file with one line.
 *
 * @param flag with its dashes
 * @throws UsageError as `mustBeReadable`, or if it is a pipe, a device or too large
 */
export async function lineIn(flag: string, file: string): Promise<Buffer> {
  await mustBeReadable(flag, file);
  try {
    return readSmallFile(file, MAX_LINE_BYTES);
  } catch (error) {
    if (!(error instanceof SmallFileError)) throw error;
    throw fault(flag, file, error.message);
  }
}

function fault(flag: string, file: string, reason: string): UsageError {
  return new UsageError([`${flag} is ${JSON.stringify(file)}: ${reason}`]);
}
