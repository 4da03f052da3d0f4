/** Releases of one company from many records: several records, for one that names all of them may not fit its topic. */
import type { RecordToWrite } from '../lib/record.js';
import type { RecordId } from './repair-attempts.js';

/** Holds that one record lifts: about 150 kB of headers, while a topic takes 1 MiB by default. */
const HOLDS_OF_A_RECORD = 5_000;

/**
 * Sends records that lift all `holds`, one after the other. If one fails, the holds that are left keep the company from
 * being announced: release it again.
 */
export async function sendReleases(
  holds: readonly RecordId[],
  recordOf: (holds: readonly RecordId[]) => Promise<RecordToWrite>,
  send: (record: RecordToWrite) => Promise<void>,
  progress: (text: () => string) => void,
): Promise<void> {
  for (let from = 0; from < holds.length; from += HOLDS_OF_A_RECORD) {
    const portion = holds.slice(from, from + HOLDS_OF_A_RECORD);
    await send(await recordOf(portion));
    progress(() => `released from ${from + portion.length} of ${holds.length} records`);
  }
}
