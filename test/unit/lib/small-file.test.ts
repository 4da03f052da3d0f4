/** Files that settings and flags name. If such a name leads to a pipe or a device, the process must not wait or grow. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSmallFile, SmallFileError } from '../../../src/lib/small-file.js';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'small-file-'))));
afterEach(() => rmSync(folder, { recursive: true }));

test('a file is read if it has at most as many bytes as it may have', () => {
  const file = join(folder, 'file');
  writeFileSync(file, 'four');
  expect(readSmallFile(file, 4).toString()).toBe('four');
  expect(() => readSmallFile(file, 3)).toThrow(new SmallFileError('it has more than 3 bytes'));
});

test('a pipe that nobody writes to, a device and a folder are refused at once', () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  for (const path of [pipe, '/dev/zero'])
    expect(() => readSmallFile(path, 4)).toThrow(new SmallFileError('it is a pipe or a device'));
  expect(() => readSmallFile(folder, 4)).toThrow(new SmallFileError('it is a folder'));
});

test('the error of a missing file is that of the file system', () => {
  expect(() => readSmallFile(join(folder, 'none'), 4)).toThrow('ENOENT');
});
