/**
 * Finds the announcements, failures and dead letters that belong to rows of the state. One transaction wrote them and the
 * rows. But what loses the rows of the changelog (a transaction that brokers left open, an unclean leader election) may
 * also lose records of the outbound topics.
 */
import { announcementSource } from '../domain/announcement.js';
import type { LogRecord, TopicPartition } from '../lib/record.js';
import { withReader } from '../lib/with-reader.js';
import { idOf, readDeadLetter } from '../publish/dead-letter.js';
import type { KeyChange } from '../store/key-value-store.js';
import { decodeCompanyRow, decodeFirstSyncRow } from '../store/row-codec.js';
import { KEY_KIND, parseRowKey } from '../store/row-keys.js';
import type { PipelineContext } from './context.js';
import { BrokerError, UnreadableBatchError } from './errors.js';
import { hasOpenTransaction } from './left-open.js';
import { boundsByMost } from './partition-view.js';
import type { LogReader } from './ports.js';
import { windowsBackwards } from './windows-backwards.js';

/**
 * How far to look back in each log. The records are the last ones of this input partition, but other input partitions and
 * applications may have written since.
 */
const MAX_LOOKED_AT = 1_000_000;
const RECORDS_A_READ = 10_000;

/** Records of a topic that were not found yet. */
interface Wanted {
  readonly topic: string;
  /** Each with the name by which people know it. Found ids are removed. */
  readonly ids: Map<string, string>;
  /** The id of a record that this input partition has written; otherwise null. */
  readonly idOf: (record: LogRecord) => string | null;
}

/** What an outbound topic lacks. */
export interface MissingOutbound {
  readonly topic: string;
  /** Of announcements and failures: the company. Of dead letters: `<partition>/<offset>` of the bad record. */
  readonly ids: readonly string[];
}

/**
 * Looks for the announcement of each company that `rows` say was announced, for the last failure of each company whose
 * count of failures is among them, and for the dead letter of each hold.
 *
 * @param rows rows of the last transactions of this input partition
 * @returns each topic that lacks any
 * @throws BrokerError, also while an open transaction may hide a record; ReaderClosedError when `signal` aborts
 */
export async function missingOutbound(
  context: PipelineContext,
  partition: number,
  rows: readonly KeyChange[],
  signal: AbortSignal,
): Promise<MissingOutbound[]> {
  const { announced, failed, held } = idsIn(context, rows);
  const { input, synchronized, failed: failures, deadLetter } = context.topics;
  const isOurs = isEventOf(context, partition);
  const wanted: Wanted[] = [
    {
      topic: synchronized,
      ids: announced,
      idOf: (record) => (isOurs(record) ? (record.key?.toString() ?? null) : null),
    },
    { topic: failures, ids: failed, idOf: (record) => (isOurs(record) ? eventIdIn(record) : null) },
    { topic: deadLetter, ids: held, idOf: (record) => deadLetterIn(record, input) },
  ];
  for (const records of wanted) await find(context, partition, records, signal);
  return wanted.flatMap(({ topic, ids }) => (ids.size === 0 ? [] : [{ topic, ids: [...ids.values()] }]));
}

/** Whether a record of an outbound topic is an announcement or a failure that this input partition has published. */
export function isEventOf(
  { applicationId, topics }: Pick<PipelineContext, 'applicationId' | 'topics'>,
  partition: number,
): (record: LogRecord) => boolean {
  const source = Buffer.from(announcementSource(applicationId, topics.input, partition));
  return ({ headers }) => headers.some(({ key, value }) => key === 'ce_source' && value?.equals(source) === true);
}

interface WantedIds {
  readonly announced: Map<string, string>;
  readonly failed: Map<string, string>;
  readonly held: Map<string, string>;
}

const KINDS: readonly (number | undefined)[] = [KEY_KIND.company, KEY_KIND.firstSync, KEY_KIND.hold];

function idsIn({ failureId }: PipelineContext, rows: readonly KeyChange[]): WantedIds {
  const ids: WantedIds = { announced: new Map(), failed: new Map(), held: new Map() };
  for (const { key, value } of rows) {
    if (value === null || !KINDS.includes(key[0])) continue;
    const row = parseRowKey(key);
    if (row.kind === 'company' && decodeCompanyRow(value).outcome === 'announced')
      ids.announced.set(row.companyId, row.companyId);
    if (row.kind === 'first-sync') {
      const { failures: attempt } = decodeFirstSyncRow(value);
      if (attempt > 0) ids.failed.set(failureId({ companyId: row.companyId, attempt }), row.companyId);
    }
    if (row.kind === 'hold') ids.held.set(row.holdId, row.holdId);
  }
  return ids;
}

function eventIdIn({ headers }: LogRecord): string | null {
  return headers.find(({ key }) => key === 'ce_id')?.value?.toString() ?? null;
}

function deadLetterIn(record: LogRecord, input: string): string | null {
  const letter = readDeadLetter(record);
  return letter?.topic === input ? idOf(letter) : null;
}

/** Removes from `wanted` what the committed records of its topic have. */
async function find(context: PipelineContext, partition: number, wanted: Wanted, signal: AbortSignal): Promise<void> {
  const { topic, ids } = wanted;
  let open: string | null = null;
  for (const target of context.partitioner.targets(topic, partition).partitions) {
    if (ids.size === 0) return;
    const log = { topic, partition: target };
    const bounds = await boundsByMost(context.changelogLogs, log);
    await findIn(context, log, bounds, wanted, signal);
    if (hasOpenTransaction(bounds)) open = `${topic}/${target} from offset ${bounds.end} on`;
  }
  if (ids.size > 0 && open !== null)
    throw new BrokerError(
      `a transaction is open in ${open}. It may hide records that belong to the state: the partition looks again when the ` +
        'transaction has ended',
    );
}

/** Looks from the end of the log backwards, in windows. A batch that cannot be read ends the search. */
async function findIn(
  { changelogLogs }: PipelineContext,
  log: TopicPartition,
  { start, end }: { readonly start: number; readonly end: number },
  { ids, idOf }: Wanted,
  signal: AbortSignal,
): Promise<void> {
  const lowest = Math.max(start, end - MAX_LOOKED_AT);
  const look = async (reader: LogReader, from: number, to: number): Promise<void> => {
    for (let next = from; next < to;) {
      const { records, nextOffset } = await reader.next(RECORDS_A_READ);
      for (const record of records) ids.delete(idOf(record) ?? '');
      next = nextOffset;
    }
  };
  try {
    for (const { from, to } of windowsBackwards({ start: lowest, end })) {
      if (ids.size === 0) break;
      await withReader(changelogLogs.reader(log, from), (reader) => look(reader, from, to), signal);
    }
  } catch (error) {
    if (!(error instanceof UnreadableBatchError)) throw error;
  }
}
