import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromJson, type StoredValue } from './stored-formats.js';

const FOLDER = join(__dirname, '..', 'unit', 'store', 'written-by-releases');

/** Former name of a field -> its name in the code of today. The bytes have no names. */
const RENAMED: Readonly<Record<string, string>> = { held: 'statePositions' };

/** Stored values that the code of former releases wrote, by commit, with their meaning in the names of today. */
export function writtenByReleases(): { readonly commit: string; readonly values: readonly StoredValue[] }[] {
  return readdirSync(FOLDER).map((file) => {
    const written = fromJson(readFileSync(join(FOLDER, file), 'utf8')) as readonly StoredValue[];
    return {
      commit: file.replace('.json', ''),
      values: written.map((one) => ({ ...one, value: inNamesOfToday(one.value) })),
    };
  });
}

export function inNamesOfToday(value: StoredValue['value']): StoredValue['value'] {
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [RENAMED[name] ?? name, field]));
}
