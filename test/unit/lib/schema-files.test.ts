import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newestSchema, schemaVersions } from '../../../src/lib/schema-files.js';
import { temporaryFolder } from '../store/temporary-folder.js';

const folder = temporaryFolder();

function folderWith(...files: readonly string[]): string {
  const schemas = folder();
  mkdirSync(join(schemas, 'events-value'), { recursive: true });
  for (const file of files) writeFileSync(join(schemas, 'events-value', file), JSON.stringify({ file }));
  return schemas;
}

test('the newest version is the one with the highest number, and other files are not versions', async () => {
  const schemas = folderWith('v9.avsc', 'v10.avsc', 'v11.avsc.orig', 'README.md', 'v2.avsc');
  expect(await newestSchema(schemas, 'events-value')).toEqual({ file: 'v10.avsc' });
  const files = (await schemaVersions(schemas, 'events-value')).map(({ file }) => file);
  expect(files).toEqual(['events-value/v2.avsc', 'events-value/v9.avsc', 'events-value/v10.avsc']);
});

test('a subject without a version is named', async () => {
  await expect(newestSchema(folderWith(), 'events-value')).rejects.toThrow(/events-value: it has no file v<N>\.avsc/);
});
