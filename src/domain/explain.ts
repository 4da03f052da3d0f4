/**
 * Explains why a company has or has not been announced: collects the facts from its rows or from its announcement.
 * `verdict-sentence.ts` adds the verdict and its sentence. `announcement.ts` and `tally.ts` decide how datasets count.
 */
import { assertNever } from '../lib/assert-never.js';
import { foreignJson } from '../lib/foreign-text.js';
import { isoTime } from '../lib/iso-time.js';
import { describeNamedDatasets, type AnnouncedDataset } from './announcement.js';
import type { CompanyRows } from './company-rows.js';
import type { DeadLetterCode } from './events.js';
import type { EarlyDataset, ExplainedCounts, ExplainedDataset, ExplainedLink, Explanation } from './explanation.js';
import { limitExplanation } from './explanation-limit.js';
import { lastProgressOf } from './pending-company.js';
import type { Policy } from './policy.js';
import type { AnnouncedCompany, Connection, DatasetRow, InfoRow, PendingCompany } from './rows.js';
import { classOf, isKnownStatus, type StatusClass } from './statuses.js';
import { hasFailed } from './sync-failure.js';
import { plural, verdictOf } from './verdict-sentence.js';

const REASON_OF_CODE: Readonly<Record<DeadLetterCode, string>> = {
  'missing-key': 'has no key',
  'bad-framing': 'is not framed as Avro with a schema id',
  'unknown-schema': 'has a schema id that the registry does not know',
  undecodable: 'could not be decoded',
  'key-mismatch': 'has another companyId than its key',
  'too-many-datasets': 'would bring the company over 10,000 datasets',
  'too-large': 'exceeds a limit of a record or of a company; its dead letter names the limit',
};

/** The inputs of an explanation, apart from the rows. */
export interface ExplanationContext {
  readonly asOf: Explanation['asOf'];
  /** The policy for a record with a timestamp of now. */
  readonly policy: Policy;
}

/** The number of unknown status words that the notes name. */
const NOTED_WORDS = 5;

type Facts = Omit<Explanation, 'verdict' | 'sentence'>;

/** Explains a company from its rows. All of them must be loaded. */
export function explain(rows: CompanyRows, context: ExplanationContext): Explanation {
  const { company } = rows;
  if (company === null) return explainUnknown(rows.companyId, context.asOf);
  switch (company.outcome) {
    case 'pending':
      return explainPending(rows, company, context);
    case 'announced':
      return explainAnnounced(rows.companyId, company, context.asOf);
    case 'announced-elsewhere':
    case 'deleted': {
      const decidedBy = { offset: company.offset, at: isoTime(company.timestamp) };
      return withVerdict({ ...nothingKnownOf(rows.companyId, context.asOf), decidedBy }, { kind: company.outcome });
    }
    default:
      return assertNever(company);
  }
}

/** Explains a company without stored rows: no record that counts was seen. */
export function explainUnknown(companyId: string, asOf: Explanation['asOf']): Explanation {
  const notes = ['a REFRESH status is not stored; nor is an unlinking of a connection that was never linked'];
  return withVerdict({ ...nothingKnownOf(companyId, asOf), notes }, { kind: 'unknown' });
}

function nothingKnownOf(companyId: string, asOf: Explanation['asOf']): Facts {
  return {
    companyId,
    asOf,
    policy: null,
    clientId: null,
    companyName: null,
    counts: null,
    stalled: false,
    lastProgress: null,
    decidedBy: null,
    notes: [],
    holds: [],
    links: [],
    datasets: [],
    early: [],
  };
}

function withVerdict(facts: Facts, about: Parameters<typeof verdictOf>[1]): Explanation {
  const { verdict, sentence } = verdictOf(facts, about);
  return { ...facts, verdict, sentence };
}

function explainAnnounced(companyId: string, company: AnnouncedCompany, asOf: Explanation['asOf']): Explanation {
  const { named, succeeded, failed, ended, offset, synchronizedAt, policy } = company;
  const unfinished = named - succeeded - failed - ended;
  const facts = {
    ...nothingKnownOf(companyId, asOf),
    policy,
    counts: { datasets: named, unfinished, complete: succeeded, failed, ended },
    decidedBy: { offset, at: isoTime(synchronizedAt) },
  };
  return withVerdict(facts, { kind: 'announced' });
}

/** The content of the announcement itself. The stored state keeps only its counts. */
export interface AnnouncedContent {
  readonly clientId: string;
  readonly companyName: string;
  readonly connections: readonly Connection[];
  readonly datasets: readonly AnnouncedDataset[];
}

/** Adds the datasets that the announcement lists to the explanation of an announced company. */
export function withAnnouncedContent(explanation: Explanation, content: AnnouncedContent): Explanation {
  const { clientId, companyName } = content;
  const datasets = content.datasets.map((dataset) => ({
    ...dataset,
    class: classOf(dataset.status),
    since: null,
    linkId: null,
    revision: null,
    own: null,
  }));
  return limitExplanation({ ...explanation, clientId, companyName, datasets });
}

function explainPending(rows: CompanyRows, company: PendingCompany, context: ExplanationContext): Explanation {
  const { info } = rows;
  const datasets = info === null ? [] : explainDatasets(rows, company, info);
  const links = info === null ? [] : explainLinks(info, datasets);
  const progressAt = lastProgressOf(company);
  const facts = {
    companyId: rows.companyId,
    ...context,
    clientId: info?.clientId ?? null,
    companyName: info?.companyName ?? null,
    counts: countsOf(datasets),
    stalled: company.stalled,
    failures: rows.firstSync?.failures ?? 0,
    linkedAt: linkedAtOf(rows),
    lastProgress: progressAt === null ? null : isoTime(progressAt),
    decidedBy: null,
    notes: [
      ...notesOnFailures(company, rows),
      ...notesOn(company),
      ...notesOnHolds(company, rows),
      ...unknownWords(datasets),
    ],
    holds: rows.holds().map(([record, { code, timestamp }]) => ({
      record,
      code,
      reason: REASON_OF_CODE[code],
      at: isoTime(timestamp),
    })),
    links,
    datasets,
    early: rows
      .datasets()
      .flatMap(([datasetId, row]) => (row.place === null ? [{ datasetId, latest: latestOf(row) }] : [])),
  };
  return limitExplanation(withVerdict(facts, { kind: 'pending', company, policy: context.policy }));
}

function linkedAtOf({ firstSync }: CompanyRows): string | null {
  const linkedAt = firstSync?.linkedAt ?? null;
  return linkedAt === null ? null : isoTime(linkedAt);
}

function notesOnFailures(company: PendingCompany, { firstSync }: CompanyRows): string[] {
  const failures = firstSync?.failures ?? 0;
  if (company.failureReported) return [`CompanySyncFailed was published for this state, with attempt ${failures}`];
  if (hasFailed(company))
    return [
      'CompanySyncFailed was not published for this state: FIRST_DATASET was in force, or a release without this event ' +
        'has brought it about',
    ];
  return failures === 0
    ? []
    : [`CompanySyncFailed was published ${failures === 1 ? 'once' : `${failures} times`} before`];
}

function notesOn({ forgotten, early, stalled }: PendingCompany): string[] {
  const notes: string[] = [];
  if (stalled) notes.push('it was reported as stalled and has made no progress since then');
  const have = early === 1 ? 'has' : 'have';
  if (early > 0)
    notes.push(
      `${plural(early, 'dataset')} named by no manifest ${have} a status, which counts once a manifest names it`,
    );
  if (forgotten > 0)
    notes.push(
      `${forgotten} datasets were forgotten, with their statuses, before a manifest named them: too many at once`,
    );
  return notes;
}

/** If a company has very many holds, only the first of them are read. */
function notesOnHolds({ holds }: PendingCompany, rows: CompanyRows): string[] {
  const listed = rows.holds().length;
  return holds > listed ? [`${holds} records hold it, of which ${listed} are listed`] : [];
}

/** A note for each unknown status word: its datasets stay in progress. */
function unknownWords(datasets: readonly ExplainedDataset[]): string[] {
  const words = [...new Set(datasets.map(({ status }) => status).filter((status) => !isKnownStatus(status)))];
  return words
    .slice(0, NOTED_WORDS)
    .map((word) => `the status word ${foreignJson(word)} is unknown, so its datasets count as in progress`);
}

function explainDatasets(rows: CompanyRows, company: PendingCompany, info: InfoRow): ExplainedDataset[] {
  return describeNamedDatasets(rows, company, info).map((dataset) => {
    const row = rows.dataset(dataset.datasetId) as DatasetRow;
    const derived = dataset.status !== row.status;
    return {
      ...dataset,
      class: classOf(dataset.status),
      since: derived ? null : isoTime(row.timestamp),
      linkId: info.links[row.place?.link ?? -1]?.linkId ?? null,
      revision: row.revision === null ? null : String(row.revision),
      own: derived ? latestOf(row) : null,
    };
  });
}

function latestOf({ status, offset, timestamp }: DatasetRow): EarlyDataset['latest'] {
  return { status, offset, since: isoTime(timestamp) };
}

function explainLinks(info: InfoRow, datasets: readonly ExplainedDataset[]): ExplainedLink[] {
  const counts = new Map<string | null, { datasets: number; unfinished: number }>();
  for (const dataset of datasets) {
    const count = counts.get(dataset.linkId) ?? { datasets: 0, unfinished: 0 };
    count.datasets++;
    if (dataset.class === 'in-progress') count.unfinished++;
    counts.set(dataset.linkId, count);
  }
  return info.links.map(({ linkId, connection, sealed, endedAt }) => ({
    linkId,
    connectionId: info.connections[connection]?.connectionId ?? '',
    sourceType: info.connections[connection]?.sourceType ?? '',
    state: endedAt !== null ? 'ended' : sealed ? 'sealed' : 'open',
    endedAtOffset: endedAt,
    ...(counts.get(linkId) ?? { datasets: 0, unfinished: 0 }),
  }));
}

function countsOf(datasets: readonly ExplainedDataset[]): ExplainedCounts {
  const count = (wanted: StatusClass) => datasets.filter((dataset) => dataset.class === wanted).length;
  return {
    datasets: datasets.length,
    unfinished: count('in-progress'),
    complete: count('succeeded'),
    failed: count('failed'),
    ended: count('ended'),
  };
}
