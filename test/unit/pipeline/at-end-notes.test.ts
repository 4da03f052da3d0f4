/** The notes of an idle week in the folder: they say that the state missed nothing, and only if that is true. */
import { join } from 'node:path';
import { BrokerError, FencedError, MissedDeletionsError } from '../../../src/pipeline/errors.js';
import { openStore } from '../../../src/pipeline/open-store.js';
import { PartitionTask } from '../../../src/pipeline/partition-task.js';
import { StandbyTask } from '../../../src/pipeline/standby-task.js';
import { decodeFollowedEpoch, FOLLOWED_EPOCH_KEY } from '../../../src/store/partition-meta.js';
import { RocksDbStore } from '../../../src/store/rocks-db-store.js';
import type { PositionRow } from '../../../src/store/row-codec.js';
import { temporaryFolder } from '../store/temporary-folder.js';
import { PARTITION, positionIn, RETENTION_MS, SimulatedPartition } from './simulated-partition.js';
import { DAY_MS, HOUR_MS } from '../../../src/lib/time-units.js';

const folder = temporaryFolder();
const live = () => join(folder(), 'live');
const copy = () => join(folder(), 'crashed');

let simulated: SimulatedPartition;
let task: PartitionTask | StandbyTask;

beforeEach(() => (simulated = new SimulatedPartition(live())));
afterEach(() => simulated.end(task));

/** The partition has committed its first batch, at changelog offset 0, and is idle. */
async function ownIdly(): Promise<void> {
  task = new PartitionTask(simulated.context, PARTITION);
  await simulated.pass(1_000);
  await commitNext();
}

/** The reader moves over offsets without records, and the new position is committed. */
async function commitNext(): Promise<void> {
  const before = simulated.changelog.end;
  simulated.input.end++;
  simulated.input.deliver();
  await simulated.run(() => simulated.changelog.end > before);
  await simulated.pass(1_000);
}

/** The standby has followed the changelog up to offset 2. */
async function followIdly(): Promise<void> {
  simulated.changelog.end = 2;
  task = new StandbyTask(simulated.context, PARTITION);
  await simulated.pass(1_000);
  expect(simulated.standbyPositions).toEqual([0, 2]);
  // Simulated time passes with each wait, also with one that a record ends: so the first note is due already.
  await simulated.turns(1);
}

/** Opens the folder after a crash, as a take-over would now. */
async function openCrashed(): Promise<{ setAside: readonly string[]; position: PositionRow | null }> {
  const next = new SimulatedPartition(copy());
  next.now = simulated.now;
  const view = {
    changelog: await simulated.changelog.bounds(),
    proved: true,
    askedAt: next.now,
    committed: () => Promise.resolve(null),
  };
  const store = await openStore(next.context, PARTITION, view);
  await store.close();
  return { setAside: next.setAside, position: store.position() };
}

async function ageOfNoteMs(): Promise<number> {
  simulated.crash(copy());
  return simulated.now - (await positionIn(copy())).atEndMs;
}

describe('the leader epoch of an owner', () => {
  async function epochIn(folder: string): Promise<{ offset: number; leaderEpoch: number }> {
    const store = await RocksDbStore.open(join(folder, `partition-${PARTITION}`));
    const [epoch] = await store.read([FOLLOWED_EPOCH_KEY]);
    await store.close();
    return decodeFollowedEpoch(epoch as Buffer);
  }

  beforeEach(() => {
    simulated.changelog.said = { topicId: 'id', leaderEpoch: 5, byMost: true };
    simulated.input.said = { topicId: 'id', leaderEpoch: 7, byMost: true };
  });

  test('is noted with its own writes, and corrected within a minute if the same broker leads in a later one', async () => {
    await ownIdly();
    simulated.crash(copy());
    const offset = simulated.changelog.end;
    expect(await epochIn(copy())).toMatchObject({ leaderEpoch: 5 });
    simulated.changelog.said = { ...simulated.changelog.said, leaderEpoch: 6 };
    await commitNext();
    await simulated.pass(70_000);
    simulated.crash(copy());
    const noted = await epochIn(copy());
    expect(noted.leaderEpoch).toBe(6);
    expect(noted.offset).toBeGreaterThan(offset - 1);
  });

  test('stays in the folder if a later leader lacks records that the store has followed', async () => {
    simulated.changelog.end = 2;
    task = new StandbyTask(simulated.context, PARTITION);
    await simulated.pass(1_000);
    simulated.changelog.said = { ...simulated.changelog.said, leaderEpoch: 6 };
    simulated.changelog.endOfEpoch = () => 1;
    await simulated.pass(DAY_MS);
    simulated.crash(copy());
    expect(await epochIn(copy())).toEqual({ offset: 2, leaderEpoch: 5 });
  });

  test('of the input is committed with the offset', async () => {
    await ownIdly();
    expect(simulated.committed).toMatchObject({ leaderEpoch: 7 });
    simulated.input.said = { ...simulated.input.said, leaderEpoch: 8 };
    await commitNext();
    expect(simulated.committed).toMatchObject({ leaderEpoch: 8 });
  });
});

describe.each([
  ['an owner', ownIdly],
  ['a standby', followIdly],
])('%s that is idle', (_, begin) => {
  test('notes every hour that it is at the end, by one write, and writes nothing else', async () => {
    await begin();
    const before = simulated.writes;
    await simulated.pass(8 * DAY_MS);
    expect(simulated.writes - before).toBeGreaterThanOrEqual(8 * 24 - 4);
    expect(simulated.writes - before).toBeLessThanOrEqual(8 * 24);
    expect(await ageOfNoteMs()).toBeLessThan(HOUR_MS + 2 * 60_000);
  });

  test('keeps its folder if it crashes after a week and others write then', async () => {
    await begin();
    await simulated.pass(RETENTION_MS + DAY_MS);
    simulated.crash(copy());
    simulated.changelog.end += 10;
    expect((await openCrashed()).setAside).toEqual([]);
  });

  test('notes nothing more once others have written records that it does not have', async () => {
    await begin();
    await simulated.pass(DAY_MS);
    const fencedAt = simulated.now;
    simulated.changelog.end += 2;
    await simulated.pass(RETENTION_MS);
    simulated.crash(copy());
    expect((await positionIn(copy())).atEndMs).toBeLessThanOrEqual(fencedAt);
    expect((await openCrashed()).setAside).toEqual([expect.stringContaining('may have missed deletions')]);
  });

  test('notes nothing if the changelog ends below its state', async () => {
    await begin();
    await simulated.pass(DAY_MS);
    simulated.changelog.end = 0;
    await simulated.pass(DAY_MS);
    expect(await ageOfNoteMs()).toBeGreaterThan(DAY_MS - HOUR_MS);
  });

  test('notes nothing while too few brokers name the leader', async () => {
    await begin();
    simulated.changelog.said = { topicId: null, leaderEpoch: -1, byMost: false };
    await simulated.pass(DAY_MS);
    expect(await ageOfNoteMs()).toBeGreaterThan(DAY_MS - HOUR_MS);
  });

  test('continues while the brokers do not return the end, and notes it once they do', async () => {
    await begin();
    simulated.changelog.outage = new BrokerError('no broker answers');
    const until = simulated.now + DAY_MS;
    await simulated.run(() => simulated.now >= until || simulated.errors.length > 0);
    expect(simulated.errors).toEqual([]);
    expect(await ageOfNoteMs()).toBeGreaterThan(DAY_MS - HOUR_MS);
    simulated.changelog.outage = null;
    await simulated.pass(2 * 60_000);
    expect(await ageOfNoteMs()).toBeLessThan(3 * 60_000);
  });

  test('notes the time before the request, because the note does not cover later records', async () => {
    await begin();
    let askedAt = Infinity;
    simulated.changelog.onBounds = () => {
      askedAt = simulated.now;
      simulated.now += 10 * 60_000;
      simulated.changelog.onBounds = () => undefined;
    };
    await simulated.run(() => simulated.now > askedAt);
    simulated.crash(copy());
    expect((await positionIn(copy())).atEndMs).toBe(askedAt);
  });
});

test('an owner that is killed in its first batch after an idle week keeps its folder, and the batch is undone', async () => {
  await ownIdly();
  await simulated.pass(RETENTION_MS + DAY_MS);
  simulated.onCommit = () => simulated.crash(copy());
  await commitNext();
  expect(await openCrashed()).toMatchObject({ setAside: [], position: { topic: 'input', offset: 1 } });
});

test('a note with a future time, from before the clock was set back, is replaced', async () => {
  await ownIdly();
  const setBackTo = (simulated.now -= 30 * DAY_MS);
  await simulated.turns(3);
  expect(simulated.now - setBackTo).toBeLessThan(DAY_MS);
  expect(await ageOfNoteMs()).toBeGreaterThanOrEqual(0);
});

test('an owner that was suspended for a week and is killed in its first batch after that keeps its folder', async () => {
  await ownIdly();
  simulated.now += RETENTION_MS + DAY_MS;
  simulated.onCommit = () => simulated.crash(copy());
  await commitNext();
  expect(await openCrashed()).toMatchObject({ setAside: [], position: { topic: 'input', offset: 1 } });
});

describe('a standby that was suspended', () => {
  /**
   * Suspends the process for `ms`. Meanwhile others write, and the standby reads these records first when it continues.
   */
  async function suspendFor(ms: number): Promise<void> {
    simulated.now += ms;
    simulated.changelog.end = 20;
    simulated.changelog.deliver();
    await simulated.run(() => simulated.standbyPositions.at(-1) === 20);
  }

  test('for longer than tombstones are kept sets its folder aside and restores it', async () => {
    await followIdly();
    await suspendFor(RETENTION_MS);
    expect(simulated.errors).toEqual([expect.any(MissedDeletionsError)]);
    expect(simulated.setAside).toEqual([expect.stringContaining('may have missed deletions')]);
    expect(simulated.standbyPositions).toEqual([0, 2, 0, 20]);
  });

  test('for a day continues in its folder', async () => {
    await followIdly();
    await suspendFor(DAY_MS);
    expect({ errors: simulated.errors, setAside: simulated.setAside }).toEqual({ errors: [], setAside: [] });
    expect(simulated.standbyPositions).toEqual([0, 2, 20]);
  });

  test('during a read does not note the end with the time after the read', async () => {
    await followIdly();
    const before = simulated.now;
    await suspendFor(6 * DAY_MS);
    simulated.crash(copy());
    expect((await positionIn(copy())).atEndMs).toBeLessThanOrEqual(before + HOUR_MS);
  });

  test('after a week in which nothing was written keeps its folder', async () => {
    await followIdly();
    await simulated.end(task);
    simulated.now += RETENTION_MS + DAY_MS;
    task = new StandbyTask(simulated.context, PARTITION);
    await simulated.turns(0);
    simulated.changelog.end = 20;
    simulated.changelog.deliver();
    await simulated.run(() => simulated.standbyPositions.at(-1) === 20);
    expect({ errors: simulated.errors, setAside: simulated.setAside }).toEqual({ errors: [], setAside: [] });
  });
});

test('an owner that was suspended for longer than tombstones are kept, and is fenced, restores its folder', async () => {
  await ownIdly();
  simulated.now += RETENTION_MS;
  simulated.changelog.end += 20;
  simulated.onCommit = () => {
    simulated.onCommit = () => undefined;
    throw new FencedError('another owner');
  };
  simulated.input.end++;
  simulated.input.deliver();
  await simulated.run(() => simulated.takeOvers === 2 && simulated.setAside.length > 0);
  expect(simulated.setAside).toEqual([expect.stringContaining('may have missed deletions')]);
});
