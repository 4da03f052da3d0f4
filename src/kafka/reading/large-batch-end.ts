/**
 * Finds the end of a batch that is too large to be fetched, from headers alone: the header of the batch says where it ends,
 * and the next batch must begin there. Damage of the header would have to fit the next batch too.
 */
import { BrokerError } from '../../pipeline/errors.js';
import type { BrokerConnections } from '../connection/broker-connections.js';
import { nameOf } from '../connection/leader-directory.js';
import { fetchHeadCall } from '../protocol/fetch-by-name.js';
import type { FetchedPartition, PartitionToFetch } from '../protocol/fetch-shared.js';
import { ERROR_CODES, NO_ERROR, refusal } from '../protocol/protocol-errors.js';
import { claimOf } from '../protocol/record-batch-header.js';

/** A batch that cannot be fetched. */
export interface UnfetchedBatch {
  /** The offset at which the next batch begins. */
  readonly nextOffset: number;
  readonly bytes: number;
}

/**
 * @param from the batch is the first one at or after this offset
 * @param fetchHead fetches the header of the first batch at or after an offset
 * @returns null if the headers contradict each other: then any end would be a guess
 * @throws BrokerError; what `fetchHead` throws
 */
export async function unfetchedBatchAt(
  from: number,
  fetchHead: (offset: number) => Promise<FetchedPartition>,
): Promise<UnfetchedBatch | null> {
  const claim = claimOf(answered(await fetchHead(from)).records);
  if (claim === null || claim.nextOffset <= from) return null;
  const { nextOffset, bytes } = claim;
  const next = await fetchHead(nextOffset);
  if (next.errorCode === ERROR_CODES.OFFSET_OUT_OF_RANGE) return null;
  const { records, lastStableOffset } = answered(next);
  const begins = records.length === 0 ? lastStableOffset === nextOffset : isFrom(records, nextOffset);
  return begins ? { nextOffset, bytes } : null;
}

/** Not below: a broker may have compacted the batches between. */
function isFrom(records: Buffer, offset: number): boolean {
  const claim = claimOf(records);
  return claim !== null && claim.baseOffset >= offset;
}

function answered(answer: FetchedPartition): FetchedPartition {
  if (answer.errorCode !== NO_ERROR) throw refusal(answer.errorCode, 'Fetch', answer);
  return answer;
}

/**
 * Fetches the header of the first batch at or after an offset. It ends the connection: the batch may be large.
 * @throws BrokerError; what kafkajs throws
 */
export async function fetchHeadFrom(
  connections: Pick<BrokerConnections, 'ask' | 'drop'>,
  leader: string,
  partition: PartitionToFetch,
): Promise<FetchedPartition> {
  const call = fetchHeadCall(partition);
  const sent = connections.ask(leader, ({ connectionPool }) => connectionPool.send(call));
  const { errorCode, partitions } = await sent.finally(() => connections.drop(leader));
  if (errorCode !== NO_ERROR) throw refusal(errorCode, 'Fetch');
  if (partitions[0] !== undefined) return partitions[0];
  throw new BrokerError(`the answer to Fetch does not contain ${nameOf(partition)}`);
}
