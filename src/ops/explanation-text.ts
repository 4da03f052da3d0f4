/** An explanation as text for a terminal. */
import { datasetsInOrder, linksInOrder } from '../domain/explanation-limit.js';
import type { ExplainedDataset, Explanation } from '../domain/explanation.js';
import { foreignText } from '../lib/foreign-text.js';
import { printable } from '../lib/printable.js';
import { shellQuoted, withoutCommands } from '../lib/shell-command.js';

/** Entries of each list. A company may have 10,000 datasets; those that the company waits for come first. */
const MAX_LISTED = 100;

/** Returns lines that are each printable: no text from the platform, such as an id, can begin a line of its own. */
export function explanationText(explanation: Explanation): string {
  const { companyId, sentence, notes } = explanation;
  const parts = [
    printable(`${shellQuoted(companyId)}: ${withoutCommands(sentence)}`),
    facts(explanation),
    ...notes.map((note) => `note: ${printable(withoutCommands(note))}`),
    holds(explanation),
    links(explanation),
    datasets(explanation),
    early(explanation),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function facts(explanation: Explanation): string {
  const { asOf, clientId, companyName, policy, counts, lastProgress, stalled, decidedBy, linkedAt } = explanation;
  const rows: string[][] = [];
  if (asOf !== null) rows.push(['as of', `${asOf.topic}/${asOf.partition} offset ${asOf.offset}`]);
  if (decidedBy !== null) rows.push(['decided by', `offset ${decidedBy.offset}, stamped ${decidedBy.at}`]);
  if (companyName !== null) rows.push(['company', foreignText(companyName)]);
  if (clientId !== null) rows.push(['client', foreignText(clientId)]);
  if (policy !== null) rows.push(['policy', policy]);
  if (linkedAt != null) rows.push(['linked', linkedAt]);
  if (lastProgress !== null)
    rows.push(['progress', `in the hour of ${lastProgress}${stalled ? ', stalled since' : ''}`]);
  if (counts !== null) {
    const { unfinished, complete, failed, ended } = counts;
    const classes = `${unfinished} in progress, ${complete} complete, ${failed} failed, ${ended} ended without data`;
    rows.push(['datasets', `${counts.datasets}: ${classes}`]);
  }
  return table(rows);
}

function holds({ holds, omitted }: Explanation): string {
  if (holds.length === 0) return '';
  const rows = holds
    .slice(0, MAX_LISTED)
    .map(({ record, code, at, reason }) => [record, foreignText(code), at, `it ${reason}`]);
  const repair =
    'to lift a hold, send the corrected event with a header `repairs` = RECORD, or run company-sync dead-letters repair RECORD';
  return `held by\n${table([['RECORD', 'CODE', 'STAMPED', 'WHY'], ...rows])}${unlistedOf(rows, holds, omitted?.holds)}\n  ${repair}`;
}

function links({ links, omitted }: Explanation): string {
  if (links.length === 0) return '';
  const rows = linksInOrder(links)
    .slice(0, MAX_LISTED)
    .map(({ linkId, connectionId, sourceType, state, endedAtOffset, ...counts }) => [
      ...[
        foreignText(linkId),
        `${foreignText(connectionId)} (${foreignText(sourceType)})`,
        endedAtOffset === null ? state : `${state} at ${endedAtOffset}`,
      ],
      ...[String(counts.datasets), String(counts.unfinished)],
    ]);
  return `links\n${table([['LINK', 'CONNECTION', 'STATE', 'DATASETS', 'IN PROGRESS'], ...rows])}${unlistedOf(rows, links, omitted?.links)}`;
}

function datasets({ datasets, omitted }: Explanation): string {
  if (datasets.length === 0) return '';
  const rows = datasetsInOrder(datasets).slice(0, MAX_LISTED).map(datasetRow);
  return `datasets\n${table([['STATUS', 'OFFSET', 'SINCE', 'DATA TYPE', 'DATASET', 'CONNECTION'], ...rows])}${unlistedOf(rows, datasets, omitted?.datasets)}`;
}

function datasetRow(dataset: ExplainedDataset): string[] {
  const { status, decidedAtOffset, since, dataType, datasetId, connectionId, own } = dataset;
  const word = foreignText(status);
  const shown = own === null ? word : `${word} (by unlinking; was ${foreignText(own.status)} at ${own.offset})`;
  return [shown, String(decidedAtOffset), since ?? '-', ...[dataType, datasetId, connectionId].map(foreignText)];
}

function early({ early, omitted }: Explanation): string {
  if (early.length === 0) return '';
  const rows = early
    .slice(0, MAX_LISTED)
    .map(({ datasetId, latest: { status, offset, since } }) => [
      foreignText(status),
      String(offset),
      since,
      foreignText(datasetId),
    ]);
  return `in no manifest yet\n${table([['STATUS', 'OFFSET', 'SINCE', 'DATASET'], ...rows])}${unlistedOf(rows, early, omitted?.early)}`;
}

function unlistedOf(listed: readonly unknown[], known: readonly unknown[], omitted = 0): string {
  const unlisted = known.length + omitted - listed.length;
  if (unlisted === 0) return '';
  return `\n  and ${unlisted} more: pass --json to list ${omitted === 0 ? 'all' : `the first ${known.length}`}`;
}

function table(rows: readonly (readonly string[])[]): string {
  const shown = rows.map((row) => row.map((cell) => printable(withoutCommands(cell))));
  const widths = (shown[0] ?? []).map((_, column) => Math.max(...shown.map((row) => row[column]?.length ?? 0)));
  return shown.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd()).join('\n');
}
