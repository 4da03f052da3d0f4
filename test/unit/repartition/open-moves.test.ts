import type { TopicPartition } from '../../../src/lib/record.js';
import type { OpenFrom, TransactionOutcome } from '../../../src/pipeline/ports.js';
import { encodeRepartitionMark } from '../../../src/pipeline/repartition-mark.js';
import { RepartitionRefusedError } from '../../../src/repartition/before-fencing.js';
import { endOpenMoves, untilEnded } from '../../../src/repartition/open-moves.js';
import type { MovingPorts } from '../../../src/repartition/ports.js';
import { SEEN_BY_MOST } from '../../support/seen-by-most.js';

interface Found {
  /** Partition of the changelog -> the input partition whose transaction is open there; null for another producer. */
  readonly open?: Readonly<Record<number, number | null>>;
  /** The input partition whose offset is pending. */
  readonly pending?: number;
  readonly lastOutcome?: TransactionOutcome | null;
  /** Whether the marks say that all partitions have moved. */
  readonly moved?: boolean;
  /** What a fencing or the repeated end ends. */
  readonly endedBy?: 'fencing' | 'repeat' | 'nothing';
}

const nameOf = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`;

/** Three partitions of input and changelog. */
function portsOf({ open = {}, pending, lastOutcome = 'commit', endedBy = 'repeat', moved = false }: Found) {
  const did: string[] = [];
  let isOpen = true;
  let now = 0;
  const openFrom = (input: number, { partition }: TopicPartition): Promise<OpenFrom> =>
    Promise.resolve(isOpen && open[partition] === input ? 5 : 'nothing');
  const ports = {
    applicationId: 'app',
    input: 'input',
    changelog: 'changelog',
    admin: { countPartitions: () => Promise.resolve(3) },
    clock: {
      now: () => now,
      delay: (ms: number) => {
        now += ms;
        return Promise.resolve();
      },
    },
    logs: {
      bounds: ({ partition }: TopicPartition) =>
        Promise.resolve({ ...SEEN_BY_MOST, start: 0, end: 5, highWatermark: isOpen && partition in open ? 8 : 5 }),
      committedOffset: () =>
        Promise.resolve({ offset: encodeRepartitionMark({ from: 2, to: 3, moved }), leaderEpoch: -1 }),
      pendingOffset: ({ partition }: TopicPartition) =>
        Promise.resolve({ isPending: isOpen && partition === pending, byMost: true }),
    },
    unfenced: {
      producersOf: (ids: readonly string[]) => Promise.resolve(new Set(ids.map((id) => BigInt(id.split('-').at(-1)!)))),
      openFrom: ([producerId]: ReadonlySet<bigint>, log: TopicPartition) => openFrom(Number(producerId), log),
    },
    transactions: {
      fence: (id: string) => {
        did.push(`fence ${id}`);
        if (endedBy === 'fencing') isOpen = false;
        return Promise.resolve({
          lastOutcome,
          openFrom: (at: TopicPartition) => openFrom(Number(id.split('-').at(-1)), at),
          repeatEnd: (places: readonly TopicPartition[], outcome: TransactionOutcome) => {
            did.push(`${outcome} ${places.map(nameOf).join(' ')}`);
            if (endedBy === 'repeat') isOpen = false;
            return Promise.resolve();
          },
          discard: () => Promise.resolve(did.push('discard')),
        });
      },
    },
  };
  return { ports: ports as unknown as MovingPorts, did, end: () => (isOpen = false), elapsed: () => now };
}

describe('a repartitioning that is continued', () => {
  test('fences nothing if nothing is open', async () => {
    const { ports, did } = portsOf({});
    await endOpenMoves(ports, 3);
    expect(did).toEqual([]);
  });

  test.each(['commit', 'abort'] as const)(
    'ends its last transaction everywhere, by the last outcome: %s',
    async (lastOutcome) => {
      const { ports, did } = portsOf({ open: { 2: 1 }, lastOutcome });
      await endOpenMoves(ports, 3);
      expect(did).toEqual(['fence app-input-1', `${lastOutcome} changelog/0 changelog/1 changelog/2`, 'discard']);
    },
  );

  test('also if only the mark of a partition is open', async () => {
    const { ports, did } = portsOf({ pending: 2 });
    await endOpenMoves(ports, 3);
    expect(did).toEqual(['fence app-input-2', 'commit changelog/0 changelog/1 changelog/2', 'discard']);
  });

  test('repeats no end if the fencing has ended the transaction', async () => {
    const { ports, did } = portsOf({ open: { 0: 0 }, endedBy: 'fencing' });
    await endOpenMoves(ports, 3);
    expect(did).toEqual(['fence app-input-0', 'discard']);
  });

  test('is refused if it is unknown how the transaction ended: an abort could lose rows', async () => {
    const { ports, did } = portsOf({ open: { 2: 1 }, lastOutcome: null });
    const refused = endOpenMoves(ports, 3);
    await expect(refused).rejects.toThrow(RepartitionRefusedError);
    await expect(refused).rejects.toThrow('changelog/2. An abort could lose rows');
    expect(did).toEqual(['fence app-input-1', 'discard']);
  });

  test('commits the last transaction of a partition if only its mark shows how it ended', async () => {
    const { ports, did } = portsOf({ open: { 2: 1 }, lastOutcome: null, moved: true });
    await endOpenMoves(ports, 3);
    expect(did).toEqual(['fence app-input-1', 'commit changelog/0 changelog/1 changelog/2', 'discard']);
  });

  test('is refused while another producer has a transaction open in the changelog', async () => {
    const { ports, did } = portsOf({ open: { 2: null } });
    await expect(endOpenMoves(ports, 3)).rejects.toThrow('changelog/2 has a transaction open that is not of this');
    expect(did).toEqual([]);
  });
});

describe('after a commit', () => {
  const PLACES = [{ topic: 'changelog', partition: 2 }];

  test.each<Found>([{ open: { 2: 1 } }, { pending: 1 }])('the next one waits for the markers: %j', async (found) => {
    const { ports, end } = portsOf(found);
    let isOver = false;
    const waiting = untilEnded(ports, PLACES, 1).then(() => (isOver = true));
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    expect(isOver).toBe(false);
    end();
    await waiting;
  });

  test('the command fails if the brokers leave the transaction open, and names the places', async () => {
    const { ports, elapsed } = portsOf({ open: { 2: 1 }, pending: 1 });
    await expect(untilEnded(ports, PLACES, 1)).rejects.toThrow(
      "still open: changelog/2, the group's offset of input/1. Run the command again",
    );
    expect(elapsed()).toBeGreaterThan(30_000);
  });
});
