/** Situations about the statuses of datasets. */
import type { CompanyScript, ScriptedDataset, ScriptedLink } from '../company-script.js';
import { NO_CHOICE, type Situation } from './situation.js';

const UNKNOWN_WORDS = ['Hibernating', 'complete', 'COMPLETE', ''];

export const STATUS_SITUATIONS: readonly Situation[] = [
  { name: 'refreshed during the first sync', client: NO_CHOICE, weight: 3, play: refreshed },
  { name: 'queued again after it had finished', client: NO_CHOICE, weight: 3, play: queuedAgain },
  { name: 'stale revisions', client: NO_CHOICE, weight: 3, play: staleRevisions },
  { name: 'nothing Complete', client: NO_CHOICE, weight: 2, play: nothingComplete },
  { name: 'nothing Complete until a pull is repeated', client: NO_CHOICE, weight: 2, play: nothingCompleteAtFirst },
  { name: 'nothing Complete until another link', client: NO_CHOICE, weight: 2, play: nothingCompleteUntilLink },
  { name: 'unknown status words, then a known one', client: NO_CHOICE, weight: 2, play: unknownWords },
  { name: 'unknown status word at the end', client: NO_CHOICE, weight: 2, play: unknownWordAtTheEnd },
  { name: 'exact duplicates of records', client: NO_CHOICE, weight: 4, play: duplicates },
  { name: 'a dataset never finishes', client: NO_CHOICE, weight: 6, play: neverEnds },
];

function linked(script: CompanyScript): { link: ScriptedLink; last: ScriptedDataset; others: ScriptedDataset[] } {
  const link = script.link(script.random.integer(3, 8));
  const [last, ...others] = link.datasets as [ScriptedDataset, ...ScriptedDataset[]];
  script.manifest(link);
  return { link, last, others };
}

function refreshed(script: CompanyScript): void {
  const { last, others } = linked(script);
  script.pullToEnd(others);
  script.status(last, 'Fetching');
  // Neither may complete the company, and a refresh of a finished dataset must not reopen it.
  script.status(last, 'Complete', { trigger: 'REFRESH', revision: null });
  script.status(script.random.pick(others), 'Fetching', { trigger: 'REFRESH', revision: null });
  script.status(last, 'Complete');
}

function queuedAgain(script: CompanyScript): void {
  const { last, others } = linked(script);
  script.pullToEnd(others);
  const repeated = script.random.pick(others);
  script.status(repeated, 'Queued', { revision: 100 });
  script.status(last, 'Complete');
  script.status(repeated, 'Complete', { revision: 101 });
}

function staleRevisions(script: CompanyScript): void {
  const { last, others } = linked(script);
  script.pullToEnd(others);
  script.status(last, 'Fetching', { revision: 7 });
  script.status(last, 'Complete', { revision: 6 });
  script.status(last, 'FetchError', { revision: 7 });
  script.status(last, 'Complete', { revision: 8 });
}

function nothingComplete(script: CompanyScript): void {
  const { link } = linked(script);
  script.pull(link.datasets, () => script.badEnding());
}

function nothingCompleteAtFirst(script: CompanyScript): void {
  const { last, others } = linked(script);
  script.pull([last, ...others], () => script.badEnding());
  script.pull([last], () => 'Complete');
}

function nothingCompleteUntilLink(script: CompanyScript): void {
  nothingComplete(script);
  const { link } = linked(script);
  script.pullToEnd(link.datasets);
}

function unknownWords(script: CompanyScript): void {
  const { last, others } = linked(script);
  script.pullToEnd(others);
  for (const word of UNKNOWN_WORDS) script.status(last, word);
  script.status(last, 'Complete');
}

function unknownWordAtTheEnd(script: CompanyScript): void {
  const { last, others } = linked(script);
  script.pullToEnd(others);
  script.status(last, script.random.pick(UNKNOWN_WORDS));
}

function duplicates(script: CompanyScript): void {
  const { link } = linked(script);
  script.pullToEnd(link.datasets);
  const once = script.records.splice(0);
  for (const record of once) for (let i = script.random.integer(1, 3); i > 0; i--) script.again(record);
}

function neverEnds(script: CompanyScript): void {
  const { last, others } = linked(script);
  script.pullToEnd(others);
  script.status(last, 'Fetching');
}
