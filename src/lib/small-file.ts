/**
 * Reads files that must be small, such as secrets. Nobody may write to a pipe, so its reader would wait without an end. And
 * a device may give bytes without an end.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/** The file is not a regular file, or it is too large. The message gives the reason, and not the path. */
export class SmallFileError extends Error {
  override readonly name = 'SmallFileError';
}

/**
 * @param maxBytes the most bytes that the file may have
 * @throws SmallFileError; the error of the file system
 */
export function readSmallFile(path: string, maxBytes: number): Buffer {
  // Opening a pipe would wait until somebody writes to it.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = fstatSync(file);
    if (found.isDirectory()) throw new SmallFileError('it is a folder');
    if (!found.isFile()) throw new SmallFileError('it is a pipe or a device');
    if (found.size > maxBytes) throw new SmallFileError(`it has more than ${maxBytes} bytes`);
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}
