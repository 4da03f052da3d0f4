/**
 * Ensures that each transaction of a repartitioning has ended everywhere before the next one begins.
 *
 * Brokers can leave a committed transaction open in some partitions (pipeline/fence.ts says when). If the next
 * transaction of the same id were aborted, that would also abort the rows of the commit, and their tombstones in another
 * partition would stay: the rows would be lost.
 */
import { Backoff } from '../lib/backoff.js';
import type { TopicPartition } from '../lib/record.js';
import { retryUntil } from '../lib/retry-until.js';
import { BrokerError } from '../pipeline/errors.js';
import { transactionalIdOf } from '../pipeline/fence.js';
import { hasOpenTransaction } from '../pipeline/left-open.js';
import type { TransactionalProducer, TransactionOutcome } from '../pipeline/ports.js';
import { boundsOrRefusal, countOf, RepartitionRefusedError, tooFewAnswer } from './before-fencing.js';
import { readMark } from './marks.js';
import type { MovingPorts } from './ports.js';

const FIRST_LOOK_MS = 2;
const MAX_LOOK_MS = 500;
/** Markers take milliseconds. If they are this late, a leader is gone, or the brokers have left the transaction open. */
const MARKERS_TIMEOUT_MS = 30_000;

class StillOpenError extends BrokerError {}

/**
 * Resolves when no transaction is open in the places, and none has an offset of the input partition.
 *
 * @throws BrokerError after 30 s
 * @throws RepartitionRefusedError while too few brokers answer
 */
export async function untilEnded(ports: MovingPorts, places: readonly TopicPartition[], input: number): Promise<void> {
  const terms = {
    clock: ports.clock,
    patienceMs: MARKERS_TIMEOUT_MS,
    pause: new Backoff(FIRST_LOOK_MS, MAX_LOOK_MS),
    mayHelp: (error: unknown) => error instanceof StillOpenError,
  };
  await retryUntil(terms, async () => {
    const open = await openIn(ports, places);
    const { isPending } = await ports.logs.pendingOffset({ topic: ports.input, partition: input });
    const names = open.map(({ topic, partition }) => `${topic}/${partition}`);
    if (isPending) names.push(`the group's offset of ${ports.input}/${input}`);
    if (names.length > 0)
      throw new StillOpenError(
        `a transaction of the repartitioning is still open: ${names.join(', ')}. Run the command again: it ends the transaction`,
      );
  });
}

/**
 * For a repartitioning that was interrupted: ends its last transaction everywhere, as its coordinator had decided.
 *
 * @throws RepartitionRefusedError if it is unknown whose transaction is open, or how it ended
 */
export async function endOpenMoves(ports: MovingPorts, partitions: number): Promise<void> {
  const changelog = Array.from({ length: await countOf(ports, ports.changelog) }, (_, partition) => ({
    topic: ports.changelog,
    partition,
  }));
  let allOpen = await openIn(ports, changelog);
  for (let partition = 0; partition < partitions; partition++) {
    if (!(await mayHaveOpen(ports, partition, allOpen))) continue;
    await endAgain(ports, partition, changelog);
    allOpen = await openIn(ports, changelog);
  }
  const [open] = allOpen;
  if (open !== undefined)
    throw new RepartitionRefusedError(
      `partition ${open.topic}/${open.partition} has a transaction open that is not of this repartitioning: stop its ` +
        'producer, and run the command again when the transaction has ended',
    );
}

/** Whether the transactional id of an input partition has, or may have, an open transaction. */
async function mayHaveOpen(ports: MovingPorts, partition: number, open: readonly TopicPartition[]): Promise<boolean> {
  const ours = await ports.unfenced.producersOf(open.length === 0 ? [] : [transactionalIdOf(ports, partition)]);
  for (const log of open) if ((await ports.unfenced.openFrom(ours, log)) !== 'nothing') return true;
  const { isPending, byMost } = await ports.logs.pendingOffset({ topic: ports.input, partition });
  if (!byMost) throw tooFewAnswer("who coordinates the group's offsets");
  return isPending;
}

async function endAgain(ports: MovingPorts, partition: number, changelog: readonly TopicPartition[]): Promise<void> {
  const producer = await ports.transactions.fence(transactionalIdOf(ports, partition));
  let ours: readonly TopicPartition[];
  try {
    ours = await ownIn(ports, producer, changelog);
    const { isPending } = await ports.logs.pendingOffset({ topic: ports.input, partition });
    if (ours.length === 0 && !isPending) return; // The fencing has ended it.
    const outcome = producer.lastOutcome ?? (await outcomeByMark(ports, partition, isPending));
    if (outcome === null)
      throw new RepartitionRefusedError(
        `the brokers have left a transaction of the repartitioning open, and no longer know whether it was committed: ` +
          `${ours.map((at) => `${at.topic}/${at.partition}`).join(', ') || `the group's offset of ${ports.input}/${partition}`}. ` +
          'An abort could lose rows. Read "A partition was left with an open transaction" in docs/operations.md',
      );
    await producer.repeatEnd(changelog, outcome);
  } finally {
    await producer.discard();
  }
  await untilEnded(ports, ours, partition);
}

/** The last transaction of a partition has its mark. So if the mark is there, that transaction was committed. */
async function outcomeByMark(
  ports: MovingPorts,
  partition: number,
  isPending: boolean,
): Promise<TransactionOutcome | null> {
  return !isPending && (await readMark(ports, partition))?.moved === true ? 'commit' : null;
}

async function ownIn(
  ports: MovingPorts,
  producer: TransactionalProducer,
  changelog: readonly TopicPartition[],
): Promise<TopicPartition[]> {
  const own: TopicPartition[] = [];
  for (const at of await openIn(ports, changelog)) if (typeof (await producer.openFrom(at)) === 'number') own.push(at);
  return own;
}

async function openIn({ logs }: MovingPorts, places: readonly TopicPartition[]): Promise<TopicPartition[]> {
  const found = await Promise.all(places.map(async (at) => ({ at, bounds: await boundsOrRefusal(logs, at) })));
  return found.filter(({ bounds }) => hasOpenTransaction(bounds)).map(({ at }) => at);
}
