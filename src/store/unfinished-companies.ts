/** The unfinished companies of a partition, found by their marks. */
import type { PendingCompany } from '../domain/rows.js';
import type { KeyValueReads } from './key-value-store.js';
import { decodeCompanyRow } from './row-codec.js';
import { parseRowKey } from './row-keys.js';
import { companyKeyOf, UNFINISHED_PREFIX } from './unfinished-index.js';

/** Company rows read at a time. */
const READ_ROWS = 2_000;

/**
 * Shows `look` every unfinished company, at most `limit`.
 * @returns whether there were no more than that
 */
export async function visitUnfinished(
  rows: KeyValueReads,
  limit: number,
  look: (companyId: string, company: PendingCompany) => void,
): Promise<boolean> {
  const marks = await rows.scan(UNFINISHED_PREFIX, limit);
  for (let from = 0; from < marks.length; from += READ_ROWS) {
    const keys = marks.slice(from, from + READ_ROWS).map(({ key }) => companyKeyOf(key));
    const values = await rows.read(keys);
    for (const [i, value] of values.entries()) {
      const key = parseRowKey(keys[i] as Buffer);
      const company = value == null ? null : decodeCompanyRow(value);
      if (company?.outcome === 'pending' && key.kind === 'company') look(key.companyId, company);
    }
  }
  return marks.length < limit;
}
