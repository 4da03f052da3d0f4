/**
 * An index of the pending companies: one key for each company (its pending mark), derived from the company row and
 * written in the same write. It finds the few pending companies among the many finished ones. The changelog never
 * contains it.
 */
import { isPendingCompany } from './company-row-codec.js';
import type { KeyChange } from './key-value-store.js';
import { KEY_KIND } from './row-keys.js';

export const PENDING_PREFIX = Buffer.of(KEY_KIND.pending);
export const MARK = Buffer.alloc(0);

/** The pending mark of the company with this row key. */
export function markOf(companyKey: Buffer): Buffer {
  const mark = Buffer.from(companyKey);
  mark[0] = KEY_KIND.pending;
  return mark;
}

/** The key of the company row that a pending mark stands for. */
export function companyKeyOf(mark: Buffer): Buffer {
  const key = Buffer.from(mark);
  key[0] = KEY_KIND.company;
  return key;
}

/** The pending marks for rows read from the changelog, whose priors are unknown. */
function pendingMarks(records: readonly KeyChange[]): KeyChange[] {
  const marks: KeyChange[] = [];
  for (const { key, value } of records) {
    if (key[0] !== KEY_KIND.company) continue;
    marks.push({ key: markOf(key), value: value !== null && isPendingCompany(value) ? MARK : null });
  }
  return marks;
}

/** The changes, and the changes of pending marks that follow from them. */
export function withMarks(changes: KeyChange[]): KeyChange[] {
  return changes.concat(pendingMarks(changes));
}
