/**
 * Ends what brokers have left open of the moves. Rows in an open transaction are not counted, and they would be lost if
 * somebody aborted it. So the marks stay until nothing is open.
 */
import type { TopicPartition } from '../lib/record.js';
import { transactionalIdOf } from '../pipeline/fence.js';
import { hasOpenTransaction, nameOfOpen } from '../pipeline/left-open.js';
import { boundsByMost, RepartitionRefusedError, tooFewAnswer } from './before-fencing.js';
import type { RepartitionPorts } from './ports.js';

type EndingPorts = Pick<RepartitionPorts, 'applicationId' | 'input' | 'changelog' | 'logs' | 'transactions'>;

type OpenPlace = TopicPartition & { readonly from: number | 'offset' };

/**
 * Call it when every partition has moved. All moves were committed then, so a part that is open is committed too.
 *
 * @param count how many partitions there are now
 * @throws RepartitionRefusedError if a transaction stays open, or while too few brokers answer
 */
export async function mustHaveEnded(ports: EndingPorts, count: number): Promise<void> {
  if ((await openPlaces(ports, count)).length === 0) return;
  await fenceAll(ports, count); // Returns when the markers of all last transactions are written.
  const open = await openPlaces(ports, count);
  if (open.length === 0) return;
  await commitAgain(ports, count, open);
  await fenceAll(ports, count);
  const still = await openPlaces(ports, count);
  if (still.length === 0) return;
  throw new RepartitionRefusedError(
    `the brokers have left a transaction open: ${still.map(nameOfOpen).join(', ')}. It may have rows that were moved, so do ` +
      'not abort it. The partitions stay stopped. Start the brokers that are down, and run the command again',
  );
}

async function openPlaces(ports: EndingPorts, count: number): Promise<OpenPlace[]> {
  const { logs, changelog, input } = ports;
  const open: OpenPlace[] = [];
  for (let partition = 0; partition < count; partition++) {
    const bounds = await boundsByMost(logs, { topic: changelog, partition });
    if (hasOpenTransaction(bounds)) open.push({ topic: changelog, partition, from: bounds.end });
    const { isPending, byMost } = await logs.pendingOffset({ topic: input, partition });
    if (!byMost) throw tooFewAnswer("who coordinates the group's offsets");
    if (isPending) open.push({ topic: input, partition, from: 'offset' });
  }
  return open;
}

/** Commits the last transaction of each partition again that is open in a place, or may be. */
async function commitAgain(ports: EndingPorts, count: number, open: readonly OpenPlace[]): Promise<void> {
  const places = Array.from({ length: count }, (_, partition) => ({ topic: ports.changelog, partition }));
  for (let moved = 0; moved < count; moved++) {
    const producer = await ports.transactions.fence(transactionalIdOf(ports, moved));
    try {
      let isOurs = open.some(({ from, partition }) => from === 'offset' && partition === moved);
      for (const { topic, partition, from } of open)
        if (!isOurs && from !== 'offset') isOurs = (await producer.openFrom({ topic, partition })) !== 'nothing';
      if (isOurs) await producer.repeatEnd(places, 'commit');
    } finally {
      await producer.discard();
    }
  }
}

async function fenceAll({ transactions, ...ports }: EndingPorts, count: number): Promise<void> {
  for (let partition = 0; partition < count; partition++)
    await (await transactions.fence(transactionalIdOf(ports, partition))).discard();
}
