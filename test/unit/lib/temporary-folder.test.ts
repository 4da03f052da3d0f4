import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { temporaryFolder } from '../../../src/lib/temporary-folder.js';

const root = mkdtempSync(join(tmpdir(), 'temporary-folder-test-'));
afterAll(() => rmSync(root, { recursive: true }));

test('TMPDIR is created if it does not exist, as on an empty volume of the image', async () => {
  const folder = await temporaryFolder('rows-', join(root, 'volume', 'tmp'));
  expect(dirname(folder)).toBe(join(root, 'volume', 'tmp'));
  expect(existsSync(folder)).toBe(true);
});

test('an error names TMPDIR and what to do', async () => {
  const file = join(root, 'file');
  writeFileSync(file, '');
  await expect(temporaryFolder('rows-', join(file, 'tmp'))).rejects.toThrow(
    new RegExp(
      `^cannot create a temporary folder in ${file}/tmp: ENOTDIR.*Set TMPDIR to a folder that this user may write to`,
    ),
  );
});
