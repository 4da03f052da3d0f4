import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromJson, type StoredValue } from './stored-formats.js';

const FOLDER = join(__dirname, '..', 'unit', 'store', 'written-by-releases');

/** Stored values that the code of former releases wrote, by commit, with their meaning. */
export function writtenByReleases(): { readonly commit: string; readonly values: readonly StoredValue[] }[] {
  return readdirSync(FOLDER).map((file) => {
    const values = fromJson(readFileSync(join(FOLDER, file), 'utf8')) as readonly StoredValue[];
    return { commit: file.replace('.json', ''), values };
  });
}
