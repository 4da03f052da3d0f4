/** Says, from the records that an announcement names as its evidence, why it is wrong. */
import type { LogRecord } from '../lib/record.js';
import { countsOf, datasetsOf, type AnnouncedDataset, type Announcement } from './announcement.js';
import { inWords } from './check-announcement.js';
import type { CompanyJudge } from './company-judge.js';
import { isTerminal } from './statuses.js';

/** The most entries of one list in a sentence. */
const MAX_NAMED = 3;

/** Why a company, as it is now, must not be announced. */
export function whyNotComplete(judge: CompanyJudge): string[] {
  if (judge.outcome === 'deleted') return ['the company is deleted'];
  if (judge.outcome === 'announced-elsewhere') return ['another system has announced it'];
  const why: string[] = [];
  if (judge.holds.size > 0) why.push(`held by ${listed([...judge.holds])}`);
  if (judge.links.size === 0) why.push('no manifest');
  const unsealed = judge.unsealedLinks;
  if (unsealed.length > 0) why.push(`link not sealed: ${listed(unsealed)}`);
  const waiting = datasetsOf(judge).filter(({ status }) => !isTerminal(status));
  if (waiting.length > 0) why.push(`not finished: ${listed(waiting.map(inWords))}`);
  if (judge.succeeded === 0) why.push('nothing is Complete');
  return why.length === 0 ? ['the record does not complete the company'] : why;
}

interface Terms {
  /** The client of the record that the announcement names. */
  readonly clientId: string;
  readonly allDatasetsFrom: number;
  /** The first offset whose record is known. */
  readonly from: number;
}

/**
 * The contradictions between an announcement and what is left of the input, whatever the records say that are gone.
 *
 * @param judge has applied all records that are left, up to `record`, which the announcement names
 */
export function contradictionsOf(
  announced: Announcement,
  judge: CompanyJudge,
  record: LogRecord,
  terms: Terms,
): string[] {
  const why: string[] = [];
  const { trigger, datasets, connections } = announced;
  if (announced.synchronizedAt !== record.timestamp)
    why.push(`offset ${record.offset} has the timestamp ${record.timestamp}`);
  if (announced.clientId !== terms.clientId) why.push(`offset ${record.offset} is of client ${terms.clientId}`);
  if (trigger === 'FIRST_DATASET' && record.timestamp >= terms.allDatasetsFrom)
    why.push('FIRST_DATASET was not in force at its time');
  const counts = countsOf(datasets);
  const { succeeded, failed, ended } = announced;
  if (counts.succeeded !== succeeded || counts.failed !== failed || counts.ended !== ended)
    why.push(`its datasets count ${counts.succeeded} succeeded, ${counts.failed} failed, ${counts.ended} ended`);
  if (counts.succeeded === 0) why.push('nothing is Complete');
  const waiting = datasets.filter(({ status }) => !isTerminal(status));
  if (trigger !== 'FIRST_DATASET' && waiting.length > 0) why.push(`not finished: ${listed(waiting.map(inWords))}`);
  if (judge.outcome === 'deleted') why.push('the company was deleted before');
  if (judge.outcome === 'announced-elsewhere') why.push('another system had announced it before');
  if (judge.holds.size > 0) why.push(`held by ${listed([...judge.holds])}`);
  if (judge.companyName !== '' && judge.companyName !== announced.companyName)
    why.push('its companyName is not that of the latest manifest');
  const listedIds = new Set(connections.map(({ connectionId }) => connectionId));
  const unknown = [...judge.connections.keys()].filter((id) => !listedIds.has(id));
  if (unknown.length > 0) why.push(`it lacks the connection ${listed(unknown)}`);
  return [...why, ...datasetContradictions(datasets, judge, terms.from)];
}

function datasetContradictions(announced: readonly AnnouncedDataset[], judge: CompanyJudge, from: number): string[] {
  const why: string[] = [];
  const byId = new Map(announced.map((dataset) => [dataset.datasetId, dataset]));
  for (const dataset of datasetsOf(judge)) {
    const came = byId.get(dataset.datasetId);
    if (came === undefined) why.push(`it lacks the dataset ${inWords(dataset)}`);
    else if (isContradicted(came, judge, from)) why.push(`${inWords(came)} contradicts ${inWords(dataset)}`);
    if (why.length >= MAX_NAMED) break;
  }
  return why;
}

/** Whether the records that are left show that a dataset was decided elsewhere, or otherwise. */
function isContradicted(came: AnnouncedDataset, judge: CompanyJudge, from: number): boolean {
  const known = judge.datasets.get(came.datasetId);
  // Whether and where a link has ended may depend on records that are gone.
  if (known?.named == null || known.status === null || came.status === 'Cancelled') return false;
  if (came.decidedAtOffset === known.statusAt) return came.status !== known.status;
  // A later status counts for certain if no revision can make it stale. An earlier one shows that the record at the
  // offset that the announcement names, which is known, gave no status.
  return came.decidedAtOffset < known.statusAt ? !known.isNumbered : came.decidedAtOffset >= from;
}

function listed(words: readonly string[]): string {
  const more = words.length - MAX_NAMED;
  return more > 0 ? `${words.slice(0, MAX_NAMED).join(', ')} and ${more} more` : words.join(', ');
}
