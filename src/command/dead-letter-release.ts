/**
 * Releases one company from many records. It sends several records, because one that names all of them may be too
 * large for its topic.
 */
import { MAX_LISTED_HOLDS } from '../domain/limits.js';
import type { RecordToWrite } from '../lib/record.js';
import type { RecordId } from './repair-attempts.js';

/**
 * The pause between two checks whether a portion was released, in milliseconds. MAX_LOOKS such pauses take a minute.
 */
const LOOK_MS = 250;
const MAX_LOOKS = 240;

/** The number of holds that one record lifts: each takes a header of tens of bytes. A topic accepts 1 MiB by default. */
const HOLDS_OF_A_RECORD = 5_000;

/**
 * Sends records that lift all `holds`, one after the other. If one fails, the holds that are left keep the company
 * from being announced; release the company again.
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

/**
 * Releases a company from all its holds, a portion at a time, because an explanation lists at most MAX_LISTED_HOLDS.
 *
 * @param holdsNow the holds that the company's owner lists now
 * @param release sends records that lift these holds
 * @returns how many holds were lifted
 * @throws Error if a portion is still listed a minute after it was released
 */
export async function releaseInPortions(
  first: readonly RecordId[],
  holdsNow: () => Promise<readonly RecordId[]>,
  release: (holds: readonly RecordId[]) => Promise<void>,
  pause: (ms: number) => Promise<unknown>,
): Promise<number> {
  let released = 0;
  for (let holds = first; holds.length > 0;) {
    await release(holds);
    released += holds.length;
    // A shorter list is complete.
    if (holds.length < MAX_LISTED_HOLDS) return released;
    const lifted = new Set(holds);
    let looks = 0;
    do {
      if (looks++ === MAX_LOOKS)
        throw new Error(
          `${released} releases were sent, but the last ones were not processed within a minute: run the command again later`,
        );
      await pause(LOOK_MS);
      holds = await holdsNow();
    } while (holds.some((id) => lifted.has(id)));
  }
  return released;
}
