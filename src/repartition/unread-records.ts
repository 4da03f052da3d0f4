/**
 * Judges the records of the input that are not consumed, after the input has grown. A record may stay if its key leads to
 * the partition that it is in, by the new number of partitions: that partition has, or will have, the state of its company.
 * docs/adr/0006-records-that-stay.md has the reasons.
 */
import { companyToHold } from '../decode/sync-event-decoder.js';
import { nameOf } from '../kafka/connection/leader-directory.js';
import { readPartition } from '../kafka/reading/read-partition.js';
import { BEGIN_AGAIN } from '../kafka/topics/input-growth.js';
import { partitionOfKey } from '../kafka/transactions/partitioner.js';
import { recordBytes, type LogRecord, type TopicPartition } from '../lib/record.js';
import { UnreadableBatchError } from '../pipeline/errors.js';
import { hasOpenTransaction } from '../pipeline/left-open.js';
import { boundsOrRefusal, RepartitionRefusedError, tooFewAnswer } from './before-fencing.js';
import type { Counts } from './marks.js';
import type { CheckingPorts } from './ports.js';

/** Most records that one check reads, in all partitions. They take about a minute. */
const MAX_RECORDS = 10_000_000;
/** Most bytes of keys, values and headers that one check reads. Nothing is kept, so this limits only the time. */
const MAX_BYTES = 10 * 1_024 * 1_024 * 1_024;

export interface ReadingLimits {
  readonly records: number;
  readonly bytes: number;
}

const LIMITS: ReadingLimits = { records: MAX_RECORDS, bytes: MAX_BYTES };

/** The new number of partitions of the input, and the present one, if it is still to grow. */
interface Growth {
  readonly to: number;
  readonly present?: number;
}

/**
 * Reads the records that are not consumed, in all partitions, up to the first one that leads to another partition.
 *
 * @param from the first offset to read in each partition; a partition without one is read from its start
 * @returns where each partition ends
 * @throws RepartitionRefusedError if a key leads to another partition, or if that cannot be known
 */
export async function mustStay(
  ports: CheckingPorts,
  { to, present = to }: Growth,
  from: readonly number[],
  limits = LIMITS,
): Promise<number[]> {
  const left = { ...limits };
  const ends: number[] = [];
  for (let partition = 0; partition < present; partition++) {
    const log = { topic: ports.input, partition };
    const { start, end } = await boundsWithoutHoles(ports, log, from[partition]);
    const first = from[partition] ?? start;
    if (first < end)
      await readAndJudge(ports, log, { first, end }, (record) => judge(record, log, { to, present }, left, limits));
    ends.push(end);
  }
  return ends;
}

/**
 * As `mustStay`. Refuses also if an old partition has got any record: then a producer runs, and it may still use the old
 * number of partitions. The next of its records could lead to another partition.
 *
 * @param ends where each partition ended when this run looked before
 * @throws RepartitionRefusedError
 */
export async function mustBeQuiet(
  ports: CheckingPorts,
  counts: Counts & Growth,
  ends: readonly number[],
): Promise<number[]> {
  const now = await mustStay(ports, counts, ends);
  for (let partition = 0; partition < counts.from; partition++) {
    const [before, end] = [ends[partition], now[partition]];
    if (before !== end)
      throw new RepartitionRefusedError(
        `partition ${ports.input}/${partition} ended at ${before} in this run, and ends at ${end} now: somebody writes to it, and may ` +
          `still use ${counts.from} partitions. The partitions stay stopped. Stop all writers of ${ports.input}, and run ` +
          `\`company-sync repartition --partitions ${counts.to}\` again`,
      );
  }
  return now;
}

/** @throws RepartitionRefusedError if records from `first` on are lost, or part of an open transaction */
async function boundsWithoutHoles({ logs }: CheckingPorts, log: TopicPartition, first: number | undefined) {
  const bounds = await boundsOrRefusal(logs, log);
  const { start, end, highWatermark } = bounds;
  if (first !== undefined && (start > first || highWatermark < first))
    throw new RepartitionRefusedError(
      `partition ${nameOf(log)} was consumed up to ${first}, and has the offsets ${start} to ${highWatermark} now: records of it ` +
        `are lost. The partitions stay stopped, and ${BEGIN_AGAIN}`,
    );
  if (hasOpenTransaction(bounds))
    throw new RepartitionRefusedError(
      `partition ${nameOf(log)} has a transaction open from offset ${end} on, so the keys of its records are unknown. The ` +
        'partitions stay stopped. Stop its producer, and run the command again when the transaction has ended',
    );
  return bounds;
}

async function readAndJudge(
  { logs }: CheckingPorts,
  log: TopicPartition,
  { first, end }: { readonly first: number; readonly end: number },
  take: (record: LogRecord) => void,
): Promise<void> {
  const read = readPartition(logs, log, first, (records) => records.forEach(take));
  const readTo = await read.catch((error: unknown) => {
    if (!(error instanceof UnreadableBatchError)) throw error;
    const message =
      `${error.message} So it is unknown where the keys of these records lead. The partitions stay stopped, and, unless the ` +
      `batch can be read, ${BEGIN_AGAIN}`;
    throw new RepartitionRefusedError(message, { cause: error });
  });
  if (readTo < end) throw tooFewAnswer(`where ${nameOf(log)} ends`);
}

/** @param left is reduced by the record */
function judge(
  record: LogRecord,
  log: TopicPartition,
  { to, present }: Required<Growth>,
  left: { records: number; bytes: number },
  limits: ReadingLimits,
): void {
  const { key, offset } = record;
  left.records--;
  left.bytes -= recordBytes(record);
  if (left.records < 0 || left.bytes < 0)
    throw new RepartitionRefusedError(
      `more than ${limits.records} records or ${limits.bytes} bytes of ${log.topic} are not consumed, and the command reads no ` +
        `more (it stopped at ${nameOf(log)}, offset ${offset}). So it is unknown where their keys lead. The partitions stay ` +
        `stopped, and ${BEGIN_AGAIN}`,
    );
  // A key that names no company makes the record a dead letter that holds nobody, in any partition.
  if (key === null || companyToHold(key) === null) return;
  const home = partitionOfKey(key, to);
  if (home === log.partition) return;
  const instead =
    partitionOfKey(key, present) === log.partition && present < to
      ? `By ${present} partitions, the key leads to the partition that it is in: run \`company-sync repartition --partitions ` +
        `${present}\`, let the processor consume everything, and then repartition again`
      : `The partitions stay stopped, and ${BEGIN_AGAIN}`;
  throw new RepartitionRefusedError(
    `partition ${nameOf(log)} has a record at offset ${offset} that was written after everything was consumed, and its key leads to ` +
      `partition ${home} of ${to}: the state of its company is there. ${instead}`,
  );
}
