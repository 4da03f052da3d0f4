/**
 * Words the verdict on a company in one sentence: announced, deleted, or what it waits for. It decides nothing:
 * `isComplete` (transition.ts) decides whether a company is complete.
 */
import { assertNever } from '../lib/assert-never.js';
import { foreignText } from '../lib/foreign-text.js';
import type { ExplainedDataset, Explanation, Verdict } from './explanation.js';
import type { Policy } from './policy.js';
import type { PendingCompany } from './rows.js';
import { isOverdue } from './recount.js';
import { isComplete } from './transition.js';

type Facts = Omit<Explanation, 'verdict' | 'sentence'>;

type About =
  | { readonly kind: 'unknown' | 'announced' | 'announced-elsewhere' | 'deleted' }
  | { readonly kind: 'pending'; readonly company: PendingCompany; readonly policy: Policy };

interface Spoken {
  readonly verdict: Verdict;
  readonly sentence: string;
}

/** The number of waiting datasets that the sentence names. */
const NAMED_IN_SENTENCE = 3;

export function verdictOf(facts: Facts, about: About): Spoken {
  switch (about.kind) {
    case 'unknown':
      return { verdict: 'unknown', sentence: 'no record of this company was seen' };
    case 'deleted':
      return { verdict: 'deleted', sentence: `deleted${atRecord(facts)}: it will never be announced` };
    case 'announced':
      return { verdict: 'announced', sentence: announcedSentence(facts) };
    case 'announced-elsewhere':
      return { verdict: 'announced-elsewhere', sentence: announcedElsewhereSentence(facts) };
    case 'pending':
      return about.company.holds > 0 ? heldVerdict(facts, about) : waitingVerdict(facts, about);
    default:
      return assertNever(about);
  }
}

function announcedSentence(facts: Facts): string {
  const { counts, decidedBy, policy } = facts;
  const { complete, failed, ended, unfinished } = counts ?? { complete: 0, failed: 0, ended: 0, unfinished: 0 };
  const parts = [`${complete} complete`, `${failed} failed`];
  if (ended > 0) parts.push(`${ended} ended without data`);
  if (unfinished > 0) parts.push(`${unfinished} still in progress`);
  const by = policy === 'FIRST_DATASET' ? ' (policy FIRST_DATASET)' : '';
  return `announced at ${decidedBy?.at}: ${parts.join(', ')}${by}`;
}

function announcedElsewhereSentence(facts: Facts): string {
  return `announced by another system, reported${atRecord(facts)}: it is not announced here`;
}

function atRecord({ decidedBy, asOf }: Facts): string {
  if (decidedBy === null) return '';
  return ` at ${decidedBy.at} by record ${asOf === null ? '' : `${asOf.partition}/`}${decidedBy.offset}`;
}

function heldVerdict(facts: Facts, about: About & { kind: 'pending' }): Spoken {
  const [first] = facts.holds;
  const others = about.company.holds - 1;
  const firstHold = first === undefined ? 'bad records' : `record ${first.record} ${first.reason}`;
  const more = others <= 0 ? '' : `, and ${plural(others, 'more record')} ${others === 1 ? 'holds' : 'hold'} it`;
  const waiting = waitingVerdict(facts, about);
  const rest = waiting.verdict === 'due' ? '' : `; also, ${waiting.sentence}`;
  return { verdict: 'held', sentence: `held: ${firstHold}${more}${rest}` };
}

function waitingVerdict(facts: Facts, { company, policy }: About & { kind: 'pending' }): Spoken {
  if (isOverdue({ ...company, holds: 0 })) return { verdict: 'due', sentence: OVERDUE };
  if (isComplete({ ...company, holds: 0 }, policy)) return due(policy);
  if (company.links === 0) return { verdict: 'no-manifest', sentence: noManifest(company) };
  if (company.unfinished > 0) return { verdict: 'waiting', sentence: waitingSentence(facts, policy) };
  if (company.unsealed > 0) return { verdict: 'unsealed', sentence: unsealedSentence(facts) };
  if (company.named === 0)
    return { verdict: 'no-datasets', sentence: 'its links name no datasets, so there is nothing to announce' };
  return { verdict: 'none-complete', sentence: noneComplete(facts) };
}

const OVERDUE =
  'it waited only because the previous release did not know a status word: it is announced at its next record, ' +
  'or when the owner of its partition counts the companies again';

function due(policy: Policy): Spoken {
  return {
    verdict: 'due',
    sentence: `nothing is left to wait for under ${policy}: the next record that counts will announce it`,
  };
}

function noManifest({ early }: PendingCompany): string {
  const without = 'no manifest was seen yet, so the datasets to wait for are unknown';
  return early === 0 ? without : `${without}; ${plural(early, 'dataset')} already had a status`;
}

function waitingSentence(facts: Facts, policy: Policy): string {
  const waiting = longestFirst(facts.datasets.filter((dataset) => dataset.class === 'in-progress'));
  const connections = new Set(waiting.map(({ connectionId }) => connectionId)).size;
  const named = waiting.slice(0, NAMED_IN_SENTENCE).map(describe);
  if (waiting.length > named.length) named.push(`${waiting.length - named.length} more`);
  const counts = `${waiting.length} of ${plural(facts.datasets.length, 'dataset')} on ${plural(connections, 'connection')}`;
  const missing = `${counts}: ${named.join(', ')}`;
  switch (policy) {
    case 'FIRST_DATASET':
      return `waiting for a first Complete dataset (policy FIRST_DATASET), ${missing}`;
    case 'ALL_DATASETS': {
      const open = openLinks(facts);
      return `waiting for ${missing}${open === '' ? '' : `; and for the final manifest of ${open}`}`;
    }
    default:
      return assertNever(policy);
  }
}

function describe({ dataType, status, since }: ExplainedDataset): string {
  return `${foreignText(dataType)} ${foreignText(status)}${since === null ? '' : ` since ${since}`}`;
}

/** Sorts the datasets that have waited longest first. */
function longestFirst(datasets: readonly ExplainedDataset[]): ExplainedDataset[] {
  const since = (dataset: ExplainedDataset) => Date.parse(dataset.since ?? '') || 0;
  return [...datasets].sort((a, b) => since(a) - since(b) || a.decidedAtOffset - b.decidedAtOffset);
}

function unsealedSentence(facts: Facts): string {
  const { length } = facts.datasets;
  const finished = `${length} of ${plural(length, 'dataset')} named so far ${length === 1 ? 'has' : 'have'} finished`;
  const seen = length === 0 ? 'no dataset was named so far' : finished;
  return `waiting for the final manifest of ${openLinks(facts)}: ${seen}`;
}

function openLinks({ links }: Facts): string {
  const open = links.filter(({ state }) => state === 'open');
  const [first] = open;
  if (first === undefined) return '';
  const more = open.length === 1 ? '' : ` and ${plural(open.length - 1, 'more link')}`;
  return `link ${foreignText(first.linkId)} of connection ${foreignText(first.connectionId)}${more}`;
}

function noneComplete({ counts }: Facts): string {
  const { datasets, failed, ended } = counts ?? { datasets: 0, failed: 0, ended: 0 };
  const parts = [`${failed} failed`];
  if (ended > 0) parts.push(`${ended} ended without data`);
  const finished =
    datasets === 1 ? 'its only dataset has finished and is not' : `all ${datasets} datasets have finished, none is`;
  return `first sync is over, nothing succeeded: ${finished} Complete (${parts.join(', ')}); a re-queue or another link may still complete it`;
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
