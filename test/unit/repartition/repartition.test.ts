import type { TopicPartition } from '../../../src/lib/record.js';
import type { OpenFrom } from '../../../src/pipeline/ports.js';
import { encodeRepartitionMark } from '../../../src/pipeline/repartition-mark.js';
import { RepartitionRefusedError } from '../../../src/repartition/before-fencing.js';
import type { RepartitionPorts } from '../../../src/repartition/ports.js';
import { repartition } from '../../../src/repartition/repartition.js';
import { SEEN_BY_MOST } from '../../support/seen-by-most.js';

/**
 * The ports of a stopped deployment whose input and changelog have two partitions. Any further read or change would
 * throw.
 */
const ports = {
  applicationId: 'eu-shadow',
  input: 'sync-events',
  changelog: 'eu-shadow-company-state',
  shadowOf: 'eu',
  admin: { countPartitions: () => Promise.resolve(2), mayGrow: () => Promise.resolve() },
  group: { members: () => Promise.resolve([]) },
  logs: { committedOffset: () => Promise.resolve(null) },
  report: () => undefined,
} as unknown as RepartitionPorts;

test('a shadow does not add partitions to an input that its deployment also reads', async () => {
  const refused = repartition(ports, 4);
  await expect(refused).rejects.toThrow(RepartitionRefusedError);
  await expect(refused).rejects.toThrow('shared with eu');
});

test('a shadow has nothing to move if its changelog has as many partitions as the input', async () => {
  const said: string[] = [];
  await repartition({ ...ports, report: (line) => said.push(line) }, null);
  expect(said).toEqual([expect.stringContaining('nothing to do')]);
});

describe('before the first fencing', () => {
  const nameOf = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`;

  /** A deployment that has consumed all, except for what a test says. */
  interface Found {
    /** The logs in which a transaction is open from offset 5 on. */
    readonly open?: readonly string[];
    readonly pending?: string;
    /** The partitions whose input is not consumed. */
    readonly unread?: readonly number[];
    readonly byFew?: string;
    /** Where a transaction of the deployment begins in each of these logs. */
    readonly openFrom?: OpenFrom;
  }

  async function refusalOf({ open = [], pending, unread = [], byFew, openFrom = 5 }: Found) {
    const fenced: string[] = [];
    const described: string[] = [];
    const deployment = {
      ...ports,
      shadowOf: null,
      outbound: ['synchronized', 'stalled'],
      logs: {
        bounds: (partition: TopicPartition) =>
          Promise.resolve({
            ...SEEN_BY_MOST,
            start: 0,
            end: 5,
            highWatermark: open.includes(nameOf(partition)) ? 8 : 5,
            byMost: nameOf(partition) !== byFew,
          }),
        committedOffset: ({ partition }: TopicPartition) =>
          Promise.resolve({ offset: unread.includes(partition) ? 1 : 5, leaderEpoch: -1 }),
        pendingOffset: (partition: TopicPartition) =>
          Promise.resolve({
            isPending: nameOf(partition) === pending,
            byMost: `offset of ${nameOf(partition)}` !== byFew,
          }),
      },
      unfenced: {
        producersOf: (ids: readonly string[]) => {
          described.push(...ids);
          return Promise.resolve(new Set(ids.map((_, i) => BigInt(i))));
        },
        openFrom: ({ size }: ReadonlySet<bigint>) => Promise.resolve(size === 2 ? openFrom : 'nothing'),
      },
      transactions: {
        fence: (id: string) => {
          fenced.push(id);
          throw new Error('fenced');
        },
      },
    } as unknown as RepartitionPorts;
    const error: unknown = await repartition(deployment, 4).catch((reason: unknown) => reason);
    return { error: error as Error, fenced, described };
  }

  test.each<[string, Found, string]>([
    ['the changelog', { open: ['eu-shadow-company-state/1'] }, 'eu-shadow-company-state/1 has a transaction open from'],
    ['announcements', { open: ['synchronized/1'] }, 'synchronized/1 has a transaction open from offset 5 on: start an'],
    ['stalls', { open: ['stalled/0'] }, 'stalled/0 has a transaction open from offset 5 on: start an instance'],
    [
      "the group's offset",
      { pending: 'sync-events/1' },
      'offset of sync-events/1 is part of an open transaction: start',
    ],
    ['the input', { open: ['sync-events/1'] }, 'sync-events/1 has a transaction open from offset 5 on, and later'],
    ['unread records', { unread: [1] }, 'sync-events/1 is consumed up to 1'],
    ['too few brokers', { byFew: 'synchronized/1' }, 'too few brokers answer to know who leads synchronized/1'],
    [
      'too few brokers',
      { byFew: 'offset of sync-events/1' },
      "too few brokers answer to know who coordinates the group's",
    ],
  ])('every partition is looked at: %s', async (_, found, message) => {
    const { error, fenced } = await refusalOf(found);
    expect(error).toBeInstanceOf(RepartitionRefusedError);
    expect(error.message).toContain(message);
    expect(fenced).toEqual([]);
  });

  test.each<OpenFrom>(['nothing', 'unknown'])(
    'in an outbound topic, another deployment is not waited for (%s)',
    async (from) => {
      const { error, fenced, described } = await refusalOf({ open: ['synchronized/0'], openFrom: from });
      expect(described).toEqual(['eu-shadow-sync-events-0', 'eu-shadow-sync-events-1']);
      expect(error.message).toBe('fenced');
      expect(fenced).toEqual(['eu-shadow-sync-events-0']);
    },
  );

  test('each transactional id is described once, whatever number of logs has a transaction open', async () => {
    const open = ['synchronized/0', 'synchronized/1', 'stalled/0', 'stalled/1'];
    const { described } = await refusalOf({ open, openFrom: 'nothing' });
    expect(described).toEqual(['eu-shadow-sync-events-0', 'eu-shadow-sync-events-1']);
    expect((await refusalOf({})).described).toEqual([]);
  });
});

test('a repartitioning that is continued first ends the transaction that it was in, before it counts the rows', async () => {
  const fenced: string[] = [];
  const offset = encodeRepartitionMark({ from: 2, to: 4, moved: false });
  const interrupted = {
    ...ports,
    shadowOf: null,
    logs: {
      committedOffset: () => Promise.resolve({ offset, leaderEpoch: -1 }),
      pendingOffset: () => Promise.resolve({ isPending: false, byMost: true }),
      bounds: () => Promise.resolve({ ...SEEN_BY_MOST, start: 0, end: 5, highWatermark: 8 }),
    },
    unfenced: {
      producersOf: (ids: readonly string[]) => Promise.resolve(new Set(ids)),
      openFrom: ([id]: ReadonlySet<string>) => Promise.resolve(id?.endsWith('-1') === true ? 5 : 'nothing'),
    },
    transactions: {
      fence: (id: string) => {
        fenced.push(id);
        const producer = { lastOutcome: null, openFrom: () => Promise.resolve(5), discard: () => Promise.resolve() };
        return Promise.resolve(producer);
      },
    },
  } as unknown as RepartitionPorts;
  await expect(repartition(interrupted, null)).rejects.toThrow('no longer know whether it was committed');
  expect(fenced).toEqual(['eu-shadow-sync-events-1']);
});
