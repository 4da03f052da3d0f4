/** Reads files that must be small, such as secrets. A pipe could make the reader wait for ever, and a device never ends. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/** The file is no regular file, or too large. The message is the reason, without the path. */
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
