/**
 * Which companies are unfinished: a key for each, derived from the company rows and kept beside them in the same write,
 * so that those few are found among the many that are finished. It is local: the changelog never has it.
 */
import { isPendingCompany } from './company-row-codec.js';
import type { KeyChange } from './key-value-store.js';
import { KEY_KIND } from './row-keys.js';

export const UNFINISHED_PREFIX = Buffer.of(KEY_KIND.unfinished);
export const MARK = Buffer.alloc(0);

/** The mark of the company whose row has this key. */
export function markOf(companyKey: Buffer): Buffer {
  const mark = Buffer.from(companyKey);
  mark[0] = KEY_KIND.unfinished;
  return mark;
}

/** The key of the company row that a mark speaks of. */
export function companyKeyOf(mark: Buffer): Buffer {
  const key = Buffer.from(mark);
  key[0] = KEY_KIND.company;
  return key;
}

/** The marks of rows read from the changelog, whose priors are not known. */
export function unfinishedMarks(records: readonly KeyChange[]): KeyChange[] {
  const marks: KeyChange[] = [];
  for (const { key, value } of records) {
    if (key[0] !== KEY_KIND.company) continue;
    marks.push({ key: markOf(key), value: value !== null && isPendingCompany(value) ? MARK : null });
  }
  return marks;
}
