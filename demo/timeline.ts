/** Decides when each record is written: it interleaves the companies' scripts. */
import type { CastMember } from './cast.js';
import type { ScriptedRecord } from './company-script.js';
import type { SeededRandom } from '../testkit/seeded-random.js';

export interface TimedRecord {
  readonly record: ScriptedRecord;
  /** Milliseconds from the beginning of the play. */
  readonly atMs: number;
}

/** Shares of the whole play: how late a company may begin, and how long it takes. */
const LATEST_BEGIN = 0.6;
const SHORTEST = 0.15;
const LONGEST = 0.4;
/** How long an urgent company takes. It starts at the very beginning. */
const URGENT = 0.05;

/** All records in the order of their times. The records of one company keep the order of its script. */
export function layOut(members: readonly CastMember[], durationMs: number, random: SeededRandom): TimedRecord[] {
  const timed = members.flatMap(({ script }) => {
    const begin = script.urgent ? 0 : random.next() * LATEST_BEGIN;
    const length = script.urgent ? URGENT : SHORTEST + random.next() * (LONGEST - SHORTEST);
    const times = script.records.map(() => random.next()).sort((a, b) => a - b);
    return script.records.map((record, i) => ({ record, atMs: durationMs * (begin + length * (times[i] ?? 1)) }));
  });
  return timed.sort((a, b) => a.atMs - b.atMs);
}
