/** Files that a flag names: they are checked before anything else, because a wrong path is a wrong flag. */
import { access, constants, stat } from 'node:fs/promises';
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
  const fault = (reason: string) => new UsageError([`${flag} is ${JSON.stringify(file)}: ${reason}`]);
  let isFolder: boolean;
  try {
    await access(file, constants.R_OK);
    isFolder = (await stat(file)).isDirectory();
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw fault(REASONS[code] ?? `it cannot be read (${code})`);
  }
  if (isFolder) throw fault('expected a file, and this is a folder');
}
