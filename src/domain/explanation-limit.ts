/**
 * Limits the bytes of an explanation. Ids may have 1,024 bytes, and each dataset repeats the ids of its link and of its
 * connection: without a limit, the explanation of a company at its limits takes tens of megabytes of JSON.
 */
import { printable } from '../lib/printable.js';
import type { ExplainedDataset, ExplainedLink, Explanation, OmittedEntries } from './explanation.js';
import { plural } from './verdict-sentence.js';

/**
 * Bytes of the JSON, with the escapes of `printable`. With ids of up to 50 bytes, all entries of a company at its
 * limits fit.
 */
export const MAX_EXPLANATION_BYTES = 8 * 1_024 * 1_024;
/** For the note and the counts of what was left out. */
const OMITTED_BYTES = 1_000;

const ORDER_OF_LINKS: readonly ExplainedLink['state'][] = ['open', 'sealed', 'ended'];
const ORDER_OF_CLASSES: readonly ExplainedDataset['class'][] = ['in-progress', 'failed', 'ended', 'succeeded'];

/** The links that may still name datasets come first. */
export function linksInOrder(links: readonly ExplainedLink[]): readonly ExplainedLink[] {
  return [...links].sort((a, b) => ORDER_OF_LINKS.indexOf(a.state) - ORDER_OF_LINKS.indexOf(b.state));
}

/** The datasets that the company waits for come first. */
export function datasetsInOrder(datasets: readonly ExplainedDataset[]): readonly ExplainedDataset[] {
  return [...datasets].sort((a, b) => ORDER_OF_CLASSES.indexOf(a.class) - ORDER_OF_CLASSES.indexOf(b.class));
}

/**
 * Orders the lists, and leaves out what exceeds the limit, from the end of each list. A note says how much, so readers
 * that do not know `omitted` learn it too. `holds`, `early` and `links` take only a part of what is left, so all four
 * lists have room.
 */
export function limitExplanation(explanation: Explanation): Explanation {
  const bare = { ...explanation, holds: [], early: [], links: [], datasets: [] };
  const room = { bytes: MAX_EXPLANATION_BYTES - jsonBytes(bare) - OMITTED_BYTES };
  const holds = firstOf(explanation.holds, 1 / 4, room);
  const early = firstOf(explanation.early, 1 / 4, room);
  const links = firstOf(linksInOrder(explanation.links), 1 / 2, room);
  const datasets = firstOf(datasetsInOrder(explanation.datasets), 1, room);
  const limited = { ...explanation, holds, early, links, datasets };
  const omitted = {
    holds: explanation.holds.length - holds.length,
    early: explanation.early.length - early.length,
    links: explanation.links.length - links.length,
    datasets: explanation.datasets.length - datasets.length,
  };
  const isComplete = Object.values(omitted).every((count) => count === 0);
  return isComplete ? limited : { ...limited, omitted, notes: [...explanation.notes, noteOn(omitted)] };
}

/** The first entries that fit into this share of the room. Takes their bytes from the room. */
function firstOf<T>(entries: readonly T[], share: number, room: { bytes: number }): readonly T[] {
  const end = room.bytes * (1 - share);
  for (const [count, entry] of entries.entries()) {
    const bytes = jsonBytes(entry) + ','.length;
    if (room.bytes - bytes < end) return entries.slice(0, count);
    room.bytes -= bytes;
  }
  return entries;
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(printable(JSON.stringify(value)));
}

function noteOn({ holds, early, links, datasets }: OmittedEntries): string {
  const parts = [
    [datasets, plural(datasets, 'dataset')],
    [links, plural(links, 'link')],
    [holds, plural(holds, 'hold')],
    [early, `${plural(early, 'dataset')} in no manifest`],
  ] as const;
  const named = parts.flatMap(([count, words]) => (count === 0 ? [] : [words]));
  const limit = `${MAX_EXPLANATION_BYTES / 1_024 / 1_024} MiB`;
  return `left out, because an explanation has at most ${limit}: ${named.join(', ')}; unfinished datasets and open links are listed first`;
}
