/**
 * Finds the announcements and dead letters that belong to rows of the state. One transaction wrote them and the rows. But
 * what loses the rows of the changelog (a transaction that brokers left open, an unclean leader election) may also lose
 * records of the outbound topics.
 */
import { announcementSource } from '../domain/announcement.js';
import type { LogRecord, TopicPartition } from '../lib/record.js';
import { withReader } from '../lib/with-reader.js';
import { idOf, readDeadLetter } from '../publish/dead-letter.js';
import type { KeyChange } from '../store/key-value-store.js';
import { decodeCompanyRow } from '../store/row-codec.js';
import { KEY_KIND, parseRowKey } from '../store/row-keys.js';
import type { PipelineContext } from './context.js';
import { BrokerError, UnreadableBatchError } from './errors.js';
import { hasOpenTransaction } from './left-open.js';
import { boundsByMost } from './partition-view.js';
import type { LogReader } from './ports.js';
import { windowsBackwards } from './windows-backwards.js';

/** The records are the last ones of this input partition, so they are near the end of a log. */
/** How far to look back in each log. Other input partitions and applications may have written since. */
const MAX_LOOKED_AT = 1_000_000;
const RECORDS_A_READ = 10_000;

/** Records of a topic that were not found yet. */
interface Wanted {
  readonly topic: string;
  /** Found ids are removed. */
  readonly ids: Set<string>;
  /** The id of a record that this input partition has written; otherwise null. */
  readonly idOf: (record: LogRecord) => string | null;
}

/** What an outbound topic lacks. */
export interface MissingOutbound {
  readonly topic: string;
  /** Of announcements: the company. Of dead letters: `<partition>/<offset>` of the bad record. */
  readonly ids: readonly string[];
}

/**
 * Looks for the announcement of each company that `rows` say was announced, and for the dead letter of each hold.
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
  const { announced, held } = idsIn(rows);
  const { input, synchronized, deadLetter } = context.topics;
  const isOurs = isAnnouncementOf(context, partition);
  const wanted: Wanted[] = [
    {
      topic: synchronized,
      ids: announced,
      idOf: (record) => (isOurs(record) ? (record.key?.toString() ?? null) : null),
    },
    { topic: deadLetter, ids: held, idOf: (record) => deadLetterIn(record, input) },
  ];
  for (const records of wanted) await find(context, partition, records, signal);
  return wanted.flatMap(({ topic, ids }) => (ids.size === 0 ? [] : [{ topic, ids: [...ids] }]));
}

/** Whether a record of the outbound topic is an announcement that this input partition has made. */
export function isAnnouncementOf(
  { applicationId, topics }: Pick<PipelineContext, 'applicationId' | 'topics'>,
  partition: number,
): (record: LogRecord) => boolean {
  const source = Buffer.from(announcementSource(applicationId, topics.input, partition));
  return ({ headers }) => headers.some(({ key, value }) => key === 'ce_source' && value?.equals(source) === true);
}

function idsIn(rows: readonly KeyChange[]): { readonly announced: Set<string>; readonly held: Set<string> } {
  const announced = new Set<string>();
  const held = new Set<string>();
  for (const { key, value } of rows) {
    if (value === null || (key[0] !== KEY_KIND.company && key[0] !== KEY_KIND.hold)) continue;
    const row = parseRowKey(key);
    if (row.kind === 'company' && decodeCompanyRow(value).outcome === 'announced') announced.add(row.companyId);
    if (row.kind === 'hold') held.add(row.holdId);
  }
  return { announced, held };
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
