import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CallDeadline } from '../../../src/store/call-deadline.js';
import { readStatePositions, StateDirOfOtherError } from '../../../src/store/read-state-positions.js';
import { openPartitionStore } from '../../../src/store/open-partition-store.js';
import type { PartitionStore } from '../../../src/store/partition-store.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { StoreUnavailableError } from '../../../src/store/key-value-store.js';
import { changes, identity, NO_LOG_ID, positionRow } from './partition-fixture.js';
import { ManualClock } from '../../support/manual-clock.js';
import { systemClock } from '../../../src/lib/system-clock.js';
import { temporaryFolder } from './temporary-folder.js';
import { HOUR_MS } from '../../../src/lib/time-units.js';

const folder = temporaryFolder();
const { clusterId, applicationId, topic } = identity;
const owner = { clusterId, applicationId, topic };
const SHADOW = `${applicationId}-shadow`;
const clock = { now: () => 0 };
const endOfEpoch = () => Promise.resolve(null);
const volume = new CallDeadline(systemClock);

function openOf(partition: number, of = owner): Promise<PartitionStore> {
  return openPartitionStore(new RocksStateDirectory(folder(), clock), partition, {
    identity: { ...of, partition },
    changelogEnd: 1_000,
    changelogLog: NO_LOG_ID,
    endOfEpoch,
    isOnlyCopy: () => Promise.resolve(false),
    proved: true,
    maxAwayMs: HOUR_MS,
    now: 0,
    onSetAside: (why) => {
      throw new Error(why);
    },
  });
}

/** @param confirmed position of the changelog at which the store is left, with a batch applied that was never confirmed */
async function leave(partition: number, confirmed: number, of = owner): Promise<void> {
  const store = await openOf(partition, of);
  await store.apply(changes('a:->1', 1, null), positionRow(1), 0);
  store.confirm(confirmed);
  await store.apply(changes('a:1->2', 2, 1), positionRow(2), 0);
  await store.close();
}

test("the positions of this deployment's folders are read, and nothing is changed in them", async () => {
  await leave(0, 10);
  await leave(11, 20);
  const found = new Map([
    [0, 10],
    [11, 20],
  ]);
  expect(await readStatePositions(folder(), owner, volume)).toEqual(found);
  // The batch left unconfirmed is still there to be undone: its undo must not have been dropped.
  const store = await openOf(0);
  expect(await store.read([Buffer.from('a')])).toEqual([Buffer.from('1')]);
  await store.close();
  expect(await readStatePositions(folder(), owner, volume)).toEqual(found);
});

test('folders of another partition, set aside, or that cannot be read do not count', async () => {
  await leave(1, 10);
  renameSync(join(folder(), 'partition-1'), join(folder(), 'partition-2'));
  await leave(3, 10);
  await new RocksStateDirectory(folder(), clock).setAside(3, 'a test');
  mkdirSync(join(folder(), 'partition-4'));
  writeFileSync(join(folder(), 'partition-5'), 'not a folder');
  await (await new RocksStateDirectory(folder(), clock).open(6)).close();
  expect(await readStatePositions(folder(), owner, volume)).toEqual(new Map());
});

test.each([
  [
    { clusterId: 'mirror' },
    /of the Kafka cluster mirror, but KAFKA_BROKERS lead to the cluster c\..*"Failover to a mirrored cluster"/,
  ],
  [{ applicationId: 'another' }, /state of another, but APPLICATION_ID is/],
  [{ topic: 'another-topic' }, /input topic another-topic, but TOPIC_SYNC_EVENTS is/],
])('state of %j is refused, with both names, and not changed', async (difference, message) => {
  const other = { ...owner, ...difference };
  await leave(0, 10, other);
  await leave(1, 10);
  const refused = readStatePositions(folder(), owner, volume);
  await expect(refused).rejects.toThrow(StateDirOfOtherError);
  await expect(refused).rejects.toThrow(message);
  rmSync(join(folder(), 'partition-1'), { recursive: true });
  expect(await readStatePositions(folder(), other, volume)).toEqual(new Map([[0, 10]]));
});

test('a folder in use can be read too, and a missing one has no state', async () => {
  await leave(7, 10);
  const inUse = await new RocksStateDirectory(folder(), clock).open(7);
  expect(await readStatePositions(folder(), owner, volume)).toEqual(new Map([[7, 10]]));
  await inUse.close();
  expect(await readStatePositions(join(folder(), 'none'), owner, volume)).toEqual(new Map());
});

test('a deployment refuses the state of its shadow, and the other way round, and the state is not changed', async () => {
  const shadow = { ...owner, applicationId: SHADOW };
  await leave(8, 10, shadow);
  const refused = readStatePositions(folder(), owner, volume);
  await expect(refused).rejects.toThrow(StateDirOfOtherError);
  await expect(refused).rejects.toThrow(`holds state of ${SHADOW}, but APPLICATION_ID is ${applicationId}`);
  expect(await readStatePositions(folder(), shadow, volume)).toEqual(new Map([[8, 10]]));
  await leave(9, 10);
  await expect(readStatePositions(folder(), shadow, volume)).rejects.toThrow(StateDirOfOtherError);
});

test('folders of a volume that hangs are not even listed', async () => {
  const time = new ManualClock();
  const hanging = new CallDeadline(time);
  const never = hanging.within(1_000, 'opening it', () => new Promise<never>(() => undefined));
  time.advance(1_000);
  await expect(never).rejects.toThrow(StoreUnavailableError);
  await expect(readStatePositions(folder(), owner, hanging)).rejects.toThrow(StoreUnavailableError);
});
