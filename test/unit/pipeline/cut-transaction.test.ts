/** The changelog has lost the end of a transaction, and has kept its beginning and its commit. */
import { FIRST_VOCABULARY, VOCABULARY } from '../../../src/domain/statuses.js';
import { ByteWriter } from '../../../src/lib/byte-writer.js';
import type { LogRecord } from '../../../src/lib/record.js';
import type { CommittedOffset } from '../../../src/pipeline/ports.js';
import { StandbyTask } from '../../../src/pipeline/standby-task.js';
import { decodePositionRow, writePositionRow } from '../../../src/store/row-codec.js';
import { infoKey, isOriginKey, isPositionKey, POSITION_KEY } from '../../../src/store/row-keys.js';
import { temporaryFolder } from '../store/temporary-folder.js';
import { restarted, settled, started } from './restarted-partition.js';
import { PARTITION, type SimulatedPartition } from './simulated-partition.js';
import { TOPICS } from './topics.js';

const folder = temporaryFolder();
const otherFolder = temporaryFolder();
/** The state and the reason of the partition when it has settled. */
async function statusOf(simulated: SimulatedPartition): Promise<{ state: string; reason: string | null }> {
  const task = await settled(simulated);
  const { state, reason } = task.status;
  await simulated.end(task);
  return { state, reason };
}

/** The first transaction of a partition has an origin row before the position row. */
async function afterOneTransaction(): Promise<SimulatedPartition> {
  const simulated = started(folder());
  expect(await statusOf(simulated)).toMatchObject({ state: 'running' });
  expect(simulated.changelog.records.map(({ key }) => isOriginKey(key as Buffer))).toEqual([true, false]);
  return simulated;
}

/** The position row has gone; the marker of the commit is behind the rows that are left. */
function cut({ changelog }: SimulatedPartition): void {
  expect(isPositionKey(changelog.records.at(-1)?.key as Buffer)).toBe(true);
  changelog.records = changelog.records.slice(0, -1);
  changelog.end--;
}

function append({ changelog }: SimulatedPartition, ...rows: readonly (readonly [Buffer, Buffer])[]): void {
  for (const [key, value] of rows)
    changelog.records.push({ offset: changelog.end++, timestamp: 0, key, value, headers: [] } satisfies LogRecord);
  changelog.end++; // The marker.
}

function positionRow(countedUnder: number, { offset }: CommittedOffset): Buffer {
  const to = new ByteWriter();
  to.begin();
  writePositionRow(to, { topic: TOPICS.input, offset, countedUnder });
  return to.end();
}

const BLOCKED = {
  state: 'blocked',
  reason: expect.stringMatching(
    /\(changelog cut\): .*start that instance alone: it writes the lost rows again. Otherwise .*"The changelog is lost"/,
  ) as string,
};

test('an instance without the lost rows is blocked after a proof, also at its next start', async () => {
  const simulated = await afterOneTransaction();
  cut(simulated);
  const stateDir = otherFolder();
  const other = restarted(simulated, stateDir);
  expect(await statusOf(other)).toEqual(BLOCKED);
  expect(other.proofs).toBe(1);
  const next = restarted(other, stateDir);
  expect(await statusOf(next)).toEqual(BLOCKED);
  expect(next.setAside).toEqual([]);
});

test('a folder that has followed the rest of the transaction as a standby is blocked too', async () => {
  const simulated = await afterOneTransaction();
  cut(simulated);
  const stateDir = otherFolder();
  const standby = restarted(simulated, stateDir);
  const task = new StandbyTask(standby.context, PARTITION);
  await standby.run(() => standby.standbyPositions.at(-1) === standby.changelog.end);
  await standby.end(task);
  expect(await statusOf(restarted(standby, stateDir))).toEqual(BLOCKED);
});

test('the instance that has all rows writes them again, also after others were blocked', async () => {
  const simulated = await afterOneTransaction();
  cut(simulated);
  const other = restarted(simulated, otherFolder());
  expect(await statusOf(other)).toEqual(BLOCKED);
  simulated.changelog.end = other.changelog.end;

  expect(await statusOf(simulated)).toMatchObject({ state: 'running' });
  expect(simulated.setAside).toEqual([]);
  const { key, value } = simulated.changelog.records.at(-1) as LogRecord;
  expect(isPositionKey(key as Buffer)).toBe(true);
  expect(decodePositionRow(value as Buffer).offset).toBe(simulated.committed?.offset);
  expect(await statusOf(restarted(simulated, otherFolder()))).toMatchObject({ state: 'running' });
});

test('rows of a cut transaction are not believed because the offset was lost with their end', async () => {
  const simulated = await afterOneTransaction();
  append(simulated, [infoKey('company'), Buffer.from([1])]);
  expect(await statusOf(restarted(simulated, otherFolder()))).toEqual(BLOCKED);
});

test('transactions that were aborted at the end say nothing', async () => {
  const simulated = await afterOneTransaction();
  simulated.changelog.end += 5_000;
  expect(await statusOf(restarted(simulated, otherFolder()))).toMatchObject({ state: 'running' });
});

test.each([
  ['rows that were moved from other partitions may follow the position row', FIRST_VOCABULARY, { state: 'running' }],
  ['rows may not follow a position row of the processor', VOCABULARY, BLOCKED],
])('%s', async (_, countedUnder, expected) => {
  const simulated = await afterOneTransaction();
  const moved = simulated.changelog.records.find(({ key }) => isOriginKey(key as Buffer)) as LogRecord;
  append(simulated, [POSITION_KEY, positionRow(countedUnder, simulated.committed as CommittedOffset)]);
  append(simulated, [moved.key as Buffer, moved.value as Buffer]);
  expect(await statusOf(restarted(simulated, otherFolder()))).toMatchObject(expected);
});
