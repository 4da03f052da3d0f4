/** A partition that has nothing to do for weeks, and one that is restarted again and again, must not grow. */
import { getEventListeners } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { NEW_COMPANY } from '../../../src/domain/pending-company.js';
import { BrokerError } from '../../../src/pipeline/errors.js';
import { PartitionTask } from '../../../src/pipeline/partition-task.js';
import { StandbyTask } from '../../../src/pipeline/standby-task.js';
import { ByteWriter } from '../../../src/lib/byte-writer.js';
import { RocksDbStore } from '../../../src/store/rocks-db-store.js';
import { writeCompanyRow } from '../../../src/store/row-codec.js';
import { companyKey } from '../../../src/store/row-keys.js';
import { heapInUse } from '../../../testkit/heap.js';
import { temporaryFolder } from '../store/temporary-folder.js';
import { PARTITION, SimulatedPartition } from './simulated-partition.js';
import { DAY_MS, HOUR_MS } from '../../../src/lib/time-units.js';

/** A reaction on a promise takes more than 500 bytes. */
const MAX_BYTES_A_TURN = 200;
const folder = temporaryFolder();

/** The memory, listeners and files of the process. */
function held() {
  const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  return { heap: heapInUse(), timers, files: readdirSync('/dev/fd').length };
}

/** The growth of the heap in bytes for each of `turns` turns. Nothing else may have grown. */
async function growth(turns: number, run: (turns: number) => Promise<void>): Promise<number> {
  await run(turns / 5);
  const before = held();
  await run(turns);
  const after = held();
  expect(after.timers - before.timers).toBeLessThan(10); // The test runner has its own.
  expect(after.files - before.files).toBeLessThan(10);
  return (after.heap - before.heap) / turns;
}

async function writeRows(companies: number, progressHour: number): Promise<void> {
  const store = await RocksDbStore.open(join(folder(), `partition-${PARTITION}`));
  const to = new ByteWriter();
  const rows = Array.from({ length: companies }, (_, i) => {
    to.begin();
    writeCompanyRow(to, { ...NEW_COMPANY, progressHour });
    return { key: companyKey(`company ${i}`), value: Buffer.from(to.end()) };
  });
  await store.write(rows);
  await store.close();
}

test.each<[string, number, number, (simulated: SimulatedPartition) => Promise<void> | void]>([
  ['an idle partition', 25_000, 15 * DAY_MS, () => undefined],
  [
    'an idle partition behind a hanging transaction of the input',
    10_000,
    16 * 60_000,
    ({ input }) => void (input.highWatermark = 5),
  ],
  [
    'an idle partition with 5,000 companies to watch',
    1_500,
    HOUR_MS / 2,
    ({ now }) => writeRows(5_000, Math.floor(now / HOUR_MS) + 10_000),
  ],
  [
    'a restore that gets nothing',
    5_000,
    12 * HOUR_MS,
    ({ changelog }) => void Object.assign(changelog, { end: 5, stuck: true }),
  ],
])('%s does not grow', async (_, turns, leastMs, prepare) => {
  const simulated = new SimulatedPartition(folder());
  await prepare(simulated);
  const task = new PartitionTask(simulated.context, PARTITION);
  const startedAt = simulated.now;
  expect(await growth(turns, (count) => simulated.turns(count))).toBeLessThan(MAX_BYTES_A_TURN);
  expect(simulated.now - startedAt).toBeGreaterThan(leastMs);
  await simulated.end(task);
  expect(simulated.errors).toEqual([]);
});

test('an idle standby does not grow', async () => {
  const simulated = new SimulatedPartition(folder());
  const task = new StandbyTask(simulated.context, PARTITION);
  const startedAt = simulated.now;
  expect(await growth(5_000, (count) => simulated.turns(count))).toBeLessThan(MAX_BYTES_A_TURN);
  expect(simulated.now - startedAt).toBeGreaterThan(150 * DAY_MS);
  await simulated.end(task);
  expect(simulated.errors).toEqual([]);
});

test.each([
  ['a thousand take-overs', 1_000, true],
  ['take-overs that open the folder again', 40, false],
])('%s leave no memory, listener, timer or open file behind', async (_, takeOvers, keepsOpen) => {
  const simulated = new SimulatedPartition(folder());
  simulated.keepsOpen = keepsOpen;
  const task = new PartitionTask(simulated.context, PARTITION);
  await simulated.pass(1_000); // The first position is on the disk then: this changelog would not give it back.
  simulated.input.failure = new BrokerError('the leader is gone');
  simulated.input.end++;
  simulated.input.deliver();
  const takeOver = (count: number) => {
    const until = simulated.takeOvers + count;
    return simulated.run(() => simulated.takeOvers >= until);
  };
  const grown = await growth(takeOvers, takeOver);
  // A producer, a store or a cache that is kept takes kilobytes; listeners are counted. With few take-overs, the memory
  // of the test itself would dominate.
  if (keepsOpen) expect(grown).toBeLessThan(600);
  expect(getEventListeners(simulated.signalOfTask as AbortSignal, 'abort').length).toBeLessThan(3);
  await simulated.end(task);
});
