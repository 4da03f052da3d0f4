/**
 * The group's offset and the announcements of a batch are committed, and the changelog does not have the batch: brokers
 * had left it open there, and it was aborted; or the changelog has lost its end. Only the folder has the rows.
 */
import { join } from 'node:path';
import { ByteWriter } from '../../../src/lib/byte-writer.js';
import { NEW_COMPANY } from '../../../src/domain/pending-company.js';
import { NO_HEADERS, type RecordToWrite } from '../../../src/lib/record.js';
import { StaleViewError } from '../../../src/pipeline/errors.js';
import { isInChangelog } from '../../../src/pipeline/only-copy.js';
import { openStore } from '../../../src/pipeline/open-store.js';
import { originOf } from '../../../src/pipeline/origin.js';
import { PartitionTask } from '../../../src/pipeline/partition-task.js';
import type { PendingOffset } from '../../../src/pipeline/ports.js';
import { StandbyTask } from '../../../src/pipeline/standby-task.js';
import { deadLetterOf } from '../../../src/publish/dead-letter.js';
import { OnlyCopyError, UnprovedChangelogError } from '../../../src/store/examine-store.js';
import type { KeyChange } from '../../../src/store/key-value-store.js';
import { CHANGELOG_POSITION_KEY, encodeChangelogPosition, UndoWriter } from '../../../src/store/partition-meta.js';
import type { PartitionStore } from '../../../src/store/partition-store.js';
import { RocksDbStore } from '../../../src/store/rocks-db-store.js';
import {
  writeCompanyRow,
  writeFirstSyncRow,
  writeHoldRow,
  writeOriginRow,
  writePositionRow,
} from '../../../src/store/row-codec.js';
import {
  companyKey,
  DATASET_PREFIX,
  firstSyncKey,
  holdKey,
  ORIGIN_KEY,
  POSITION_KEY,
} from '../../../src/store/row-keys.js';
import type { EncodedChanges } from '../../../src/store/state-changes.js';
import { SEEN_BY_MOST } from '../../support/seen-by-most.js';
import { temporaryFolder } from '../store/temporary-folder.js';
import { settled } from './restarted-partition.js';
import { PARTITION, SilentLog, SimulatedPartition } from './simulated-partition.js';
import { TOPICS } from './topics.js';

const folder = temporaryFolder();
/** Only a transaction of the processor commits a leader epoch. */
const EPOCH = 3;
const UNRESTRICTED = { decidingSettings: new Map<string, string>(), mayChangeSettings: true };

type Values = Readonly<Record<string, string | null>>;

function keyOf(name: string): Buffer {
  return Buffer.concat([DATASET_PREFIX, Buffer.from(name)]);
}

function encoded(write: (to: ByteWriter) => void): Buffer {
  const to = new ByteWriter();
  to.begin();
  write(to);
  return to.end();
}

function positionRow(offset: number): Buffer {
  return encoded((to) => writePositionRow(to, { topic: TOPICS.input, offset, countedUnder: 1 }));
}

/** The changes of a batch that ends before input offset `offset`. @param others rows of other kinds that it creates */
function batchOf(priors: Values, values: Values, offset: number, others: readonly KeyChange[] = []): EncodedChanges {
  const rows = Object.entries(values).map(([name, value]) => ({
    key: keyOf(name),
    prior: priors[name] ?? null,
    value,
  }));
  const undo = new UndoWriter();
  for (const { key, prior } of rows)
    undo.add(key, prior === null ? null : Buffer.from(prior), (to, row) => to.bytes(row));
  undo.add(POSITION_KEY, positionRow(offset - 1), (to, row) => to.bytes(row));
  const changes: KeyChange[] = rows.map(({ key, value }) => ({
    key,
    value: value === null ? null : Buffer.from(value),
  }));
  for (const { key } of others) undo.add(key, null, () => undefined);
  changes.push(...others, { key: POSITION_KEY, value: positionRow(offset) });
  return {
    changes: changes.map((change) => ({ ...change, headers: NO_HEADERS })),
    local: [],
    undo: undo.end(),
    origin: null,
  };
}

/** Writes a batch to the changelog as the owner would. */
function append({ changelog }: SimulatedPartition, { changes }: EncodedChanges): void {
  for (const { key, value } of changes)
    changelog.records.push({ offset: changelog.end++, timestamp: 0, key, value, headers: [] });
  changelog.end++; // The marker.
}

async function opened({ context, changelog }: SimulatedPartition): Promise<PartitionStore> {
  const committed = () => Promise.resolve(null);
  return openStore(context, PARTITION, { changelog: await changelog.bounds(), proved: true, askedAt: 0, committed });
}

const BEFORE: Values = { changed: 'old', deleted: 'old', untouched: 'old' };
const BATCH: Values = { changed: 'new', deleted: null, created: 'new' };
const AFTER = ['changed=new', 'created=new', 'untouched=old'];

/**
 * A partition whose group has the offset after a batch that the changelog does not have.
 * @param leave what the owner still does with the applied batch, whose records end at `end`
 * @param others rows of other kinds that the batch creates
 * @param offset where the batch ends in the input
 */
async function withLostBatch(
  leave: (store: PartitionStore, end: number) => Promise<void>,
  others: readonly KeyChange[] = [],
  offset = 5,
): Promise<SimulatedPartition> {
  const simulated = new SimulatedPartition(folder());
  simulated.input.said = { ...SEEN_BY_MOST, leaderEpoch: EPOCH };
  simulated.input.end = 5;
  append(simulated, batchOf({}, BEFORE, 4));
  const { changelog } = simulated;
  const owner = await opened(simulated);
  await owner.replay(changelog.records, changelog.end);
  const batch = batchOf(BEFORE, BATCH, offset, others);
  const size = batch.changes.length;
  await owner.apply(batch, { topic: TOPICS.input, offset, countedUnder: 1 }, simulated.now);
  changelog.end += size;
  await leave(owner, changelog.end);
  await owner.close();
  changelog.end++; // The marker of the abort.
  simulated.committed = { offset: 5, leaderEpoch: EPOCH };
  return simulated;
}

async function confirmed(store: PartitionStore, end: number): Promise<void> {
  store.confirm(end);
  await store.flush();
}

/** The rows of the changelog, as a restore would have them. */
function rowsInChangelog({ changelog }: SimulatedPartition): string[] {
  const rows = new Map<string, string>();
  for (const { key, value } of changelog.records) {
    const name = key?.subarray(1).toString() ?? '';
    if (key?.[0] !== DATASET_PREFIX[0]) continue;
    if (value === null) rows.delete(name);
    else rows.set(name, value.toString());
  }
  return [...rows].map(([name, value]) => `${name}=${value}`).sort();
}

async function rowsOnDisk(): Promise<string[]> {
  const store = await RocksDbStore.open(join(folder(), `partition-${PARTITION}`));
  try {
    const rows = await store.scan(DATASET_PREFIX);
    return rows.map(({ key, value }) => `${key.subarray(1).toString()}=${value.toString()}`);
  } finally {
    await store.close();
  }
}

async function mustContinueWithoutLoss(simulated: SimulatedPartition): Promise<void> {
  const task = await settled(simulated);
  expect(task.status).toEqual({ state: 'running', reason: null });
  await simulated.end(task);
  // Nothing below the group's offset is read again, so nothing is announced again.
  expect(simulated.input.lastRead?.from).toBe(5);
  expect(rowsInChangelog(simulated)).toEqual(AFTER);
  expect(await rowsOnDisk()).toEqual(AFTER);
}

test('a batch that was aborted in the changelog alone is written there again, and the folder is kept', async () => {
  const simulated = await withLostBatch(confirmed);
  await mustContinueWithoutLoss(simulated);
  expect(simulated.setAside).toEqual([]);
  expect(simulated.errors).toMatchObject([
    { name: 'RowsWrittenBackError', message: expect.stringContaining('4 rows') as string },
  ]);
});

test('the batch is written again also if its undo is still in the folder', async () => {
  const simulated = await withLostBatch(() => Promise.resolve());
  await mustContinueWithoutLoss(simulated);
  expect(simulated.setAside).toEqual([]);
});

test('a row is right also if the changelog lacks the batch before too, and both batches together leave the row as it was', async () => {
  const earlier = batchOf({ changed: 'old' }, { changed: 'between', passing: 'between' }, 5);
  const last = batchOf({ changed: 'between', passing: 'between' }, { changed: 'old', passing: null }, 6);
  const simulated = new SimulatedPartition(folder());
  simulated.input.said = { ...SEEN_BY_MOST, leaderEpoch: EPOCH };
  simulated.input.end = 6;
  append(simulated, batchOf({}, BEFORE, 4));
  const { changelog } = simulated;
  const owner = await opened(simulated);
  await owner.replay(changelog.records, changelog.end);
  for (const [batch, offset] of [
    [earlier, 5],
    [last, 6],
  ] as const) {
    await owner.apply(batch, { topic: TOPICS.input, offset, countedUnder: 1 }, simulated.now);
    changelog.end += batch.changes.length + 1; // Aborted here.
    if (batch === earlier) owner.confirm(changelog.end - 1);
  }
  await owner.close();
  simulated.committed = { offset: 6, leaderEpoch: EPOCH };
  const task = await settled(simulated);
  expect(task.status).toEqual({ state: 'running', reason: null });
  await simulated.end(task);
  expect(rowsInChangelog(simulated)).toEqual(['changed=old', 'deleted=old', 'untouched=old']);
  expect(await rowsOnDisk()).toEqual(['changed=old', 'deleted=old', 'untouched=old']);
});

test.each<[string, number, readonly unknown[]]>([
  ['is kept if the new end is beyond its position', 0, []],
  // By then it is not the only copy.
  ['is set aside afterwards if its position is beyond the new end', 20, [expect.stringContaining('up to 29')]],
])('the lost end of a changelog is written again from the folder, which %s', async (_, ahead, setAside) => {
  const simulated = await withLostBatch((store, end) => confirmed(store, end + ahead));
  simulated.changelog.end -= 5;
  await mustContinueWithoutLoss(simulated);
  expect(simulated.setAside).toEqual(setAside);
});

test('the folder of an earlier release, which has followed the changelog past the batch, is written back too', async () => {
  const simulated = await withLostBatch(confirmed);
  await followedByEarlierRelease(simulated.changelog.end);
  await mustContinueWithoutLoss(simulated);
  expect(simulated.setAside).toEqual([]);
});

/** Moves the position as an earlier release does, which does not note whether it has read the changelog so far. */
async function followedByEarlierRelease(offset: number): Promise<void> {
  const store = await RocksDbStore.open(join(folder(), `partition-${PARTITION}`));
  const position = encodeChangelogPosition({ offset, atEndMs: Date.UTC(2027, 0, 1) });
  await store.write([{ key: CHANGELOG_POSITION_KEY, value: position }]);
  await store.close();
}

test('a process that is killed before the rows are written again leaves the folder as it was', async () => {
  const simulated = await withLostBatch(confirmed);
  const { changelog } = simulated;
  const end = changelog.end;
  simulated.onCommit = () => {
    throw new Error('killed');
  };
  const task = new PartitionTask(simulated.context, PARTITION);
  await simulated.run(() => simulated.errors.length > 0);
  await simulated.end(task);
  simulated.errors.length = 0;
  simulated.onCommit = () => undefined;
  expect(changelog.end).toBeGreaterThan(end);
  await mustContinueWithoutLoss(simulated);
  expect(simulated.setAside).toEqual([]);
});

test("a folder that does not agree with the group's offset is not written back", async () => {
  const simulated = await withLostBatch(confirmed);
  simulated.committed = { offset: 4, leaderEpoch: EPOCH };
  const task = await settled(simulated);
  await simulated.end(task);
  expect(simulated.setAside).toHaveLength(1);
  expect(rowsInChangelog(simulated)).toEqual(['changed=old', 'deleted=old', 'untouched=old']);
});

test("a changelog that is ahead of the group's offset is not written over", async () => {
  const simulated = await withLostBatch(() => Promise.resolve());
  simulated.input.end = 6;
  append(simulated, batchOf(BEFORE, { changed: 'later' }, 6));
  const task = await settled(simulated);
  expect(task.status.reason).toContain('(offset differs)');
  await simulated.end(task);
  expect(rowsInChangelog(simulated)).toEqual(['changed=later', 'deleted=old', 'untouched=old']);
});

test('the state of another input topic is not written over', async () => {
  const simulated = await withLostBatch(() => Promise.resolve());
  const { changelog } = simulated;
  const to = new ByteWriter();
  to.begin();
  writePositionRow(to, { topic: 'other', offset: 1, countedUnder: 1 });
  changelog.records.push({ offset: changelog.end, timestamp: 0, key: POSITION_KEY, value: to.end(), headers: [] });
  changelog.end += 2;
  const task = await settled(simulated);
  expect(task.status.reason).toContain('(state of another topic)');
  await simulated.end(task);
  expect(rowsInChangelog(simulated)).toEqual(['changed=old', 'deleted=old', 'untouched=old']);
});

function originRow(inputId: string): Buffer {
  const to = new ByteWriter();
  to.begin();
  writeOriginRow(to, originOf(UNRESTRICTED, null, inputId).origin);
  return to.end();
}

/** The folder has come from the input `former`, and the input is now `present`. */
async function withFormerInput(simulated: SimulatedPartition): Promise<void> {
  const store = await RocksDbStore.open(join(folder(), `partition-${PARTITION}`));
  await store.write([{ key: ORIGIN_KEY, value: originRow('former') }]);
  await store.close();
  simulated.input.said = { ...simulated.input.said, topicId: 'present' };
}

test('the folder of a former input does not replace the state of the present one', async () => {
  const simulated = await withLostBatch(() => Promise.resolve());
  const { changelog } = simulated;
  await withFormerInput(simulated);
  for (const [key, value] of [
    [ORIGIN_KEY, originRow('present')],
    [keyOf('changed'), Buffer.from('of the present input')],
    [POSITION_KEY, positionRow(4)],
  ] as const)
    changelog.records.push({ offset: changelog.end++, timestamp: 0, key, value, headers: [] });
  changelog.end++;
  const task = await settled(simulated);
  expect(task.status.reason).toContain('(offset differs)');
  await simulated.end(task);
  expect(rowsInChangelog(simulated)).toEqual(['changed=of the present input', 'deleted=old', 'untouched=old']);
});

test('if the input was created again and nothing has run since, the rows are written, and the partition is blocked', async () => {
  const simulated = await withLostBatch(confirmed);
  await withFormerInput(simulated);
  const task = await settled(simulated);
  expect(task.status.reason).toContain('(input recreated)');
  await simulated.end(task);
  expect(rowsInChangelog(simulated)).toEqual(AFTER);
});

test('an offset that an operator has set does not make an uncommitted batch count', async () => {
  const simulated = await withLostBatch(() => Promise.resolve());
  simulated.committed = { offset: 5, leaderEpoch: -1 };
  const task = await settled(simulated);
  expect(task.status.state).toBe('blocked');
  await simulated.end(task);
  expect(rowsInChangelog(simulated)).toEqual(['changed=old', 'deleted=old', 'untouched=old']);
});

test('more rows than one transaction may have block the partition, and the folder is kept', async () => {
  const simulated = await withLostBatch(confirmed);
  const store = await RocksDbStore.open(join(folder(), `partition-${PARTITION}`));
  const rows = Array.from({ length: 100_001 }, (_, i) => ({ key: keyOf(`many-${i}`), value: Buffer.of(1) }));
  await store.write(rows);
  await store.close();
  const task = await settled(simulated);
  expect(task.status).toMatchObject({
    state: 'blocked',
    reason: expect.stringContaining('company-sync positions set --partition 3 --to state') as string,
  });
  await simulated.end(task);
  expect(simulated.setAside).toEqual([]);
  expect(await rowsOnDisk()).toHaveLength(rows.length + AFTER.length);
});

test.each<[string, (simulated: SimulatedPartition) => void, typeof confirmed]>([
  ['was aborted in the changelog alone', () => undefined, confirmed],
  ['was aborted there, and is in the undo', () => undefined, () => Promise.resolve()],
  ['is in the lost end of the changelog', ({ changelog }) => (changelog.end -= 5), confirmed],
])('a standby keeps a folder whose last batch %s', async (_, lose, leave) => {
  const simulated = await withLostBatch(leave);
  lose(simulated);
  const task = new StandbyTask(simulated.context, PARTITION);
  await simulated.pass(120_000);
  await simulated.end(task);
  expect(simulated.setAside).toEqual([]);
  expect(await rowsOnDisk()).toEqual(AFTER);
  for (const error of simulated.errors)
    expect(error instanceof OnlyCopyError || error instanceof UnprovedChangelogError).toBe(true);
});

test.each<[string, PendingOffset]>([
  ['comes from a coordinator that is cut off', { isPending: false, byMost: false }],
  ['is older than the offset that a transaction holds', { isPending: true, byMost: true }],
])("a standby keeps such a folder while the group's offset %s", async (_, coordinator) => {
  const simulated = await withLostBatch(confirmed);
  simulated.changelog.end -= 5;
  simulated.committed = { offset: 4, leaderEpoch: EPOCH };
  simulated.coordinator = coordinator;
  const task = new StandbyTask(simulated.context, PARTITION);
  await simulated.pass(120_000);
  await simulated.end(task);
  expect(simulated.setAside).toEqual([]);
  expect(await rowsOnDisk()).toEqual(AFTER);
  for (const error of simulated.errors) expect(error).toBeInstanceOf(StaleViewError);
});

test('a standby sets such a folder aside once another owner has committed', async () => {
  const simulated = await withLostBatch(confirmed);
  const task = new StandbyTask(simulated.context, PARTITION);
  await simulated.pass(1_000);
  simulated.changelog.deliver();
  await simulated.pass(1_000);
  expect(simulated.setAside).toEqual([]);
  append(simulated, batchOf(BEFORE, { changed: 'other' }, 5));
  simulated.changelog.deliver();
  await simulated.run(() => simulated.setAside.length > 0);
  await simulated.pass(60_000);
  await simulated.end(task);
  expect(await rowsOnDisk()).toEqual(['changed=other', 'deleted=old', 'untouched=old']);
});

describe('another owner has read the input of an aborted batch again', () => {
  /** The folder has a batch of input offsets 4 to 8, which was aborted everywhere. */
  async function readAgain(upTo: number, others: readonly KeyChange[] = []): Promise<SimulatedPartition> {
    const simulated = await withLostBatch(confirmed, others, 9);
    simulated.input.end = 9;
    append(simulated, batchOf(BEFORE, { untouched: 'other' }, upTo));
    simulated.committed = { offset: upTo, leaderEpoch: EPOCH };
    return simulated;
  }

  const AGAIN = ['changed=old', 'deleted=old', 'untouched=other'];

  test.each([
    ['a part of it', 5],
    ['all of it, and has decided otherwise', 9],
  ])('it has read %s: the rows of the batch do not stay', async (_, upTo) => {
    const simulated = await readAgain(upTo);
    const task = await settled(simulated);
    expect(task.status).toEqual({ state: 'running', reason: null });
    await simulated.end(task);
    expect(simulated.setAside).toEqual([expect.stringContaining('the position row of that batch is missing')]);
    expect(simulated.input.lastRead?.from).toBe(upTo);
    expect(await rowsOnDisk()).toEqual(AGAIN);
    expect(rowsInChangelog(simulated)).toEqual(AGAIN);
  });

  test('a company that the aborted batch has announced is not announced in the state', async () => {
    const simulated = await readAgain(5, [{ key: companyKey('acme'), value: announcedRow() }]);
    await simulated.end(await settled(simulated));
    const store = await RocksDbStore.open(join(folder(), `partition-${PARTITION}`));
    const [acme] = await store.read([companyKey('acme')]);
    await store.close();
    expect(acme).toBeNull();
  });

  test.each(['owner', 'standby'])('the rows do not stay in the folder of an earlier release: %s', async (role) => {
    const simulated = await readAgain(5);
    await followedByEarlierRelease(simulated.changelog.records.at(-1)!.offset - 2);
    const task = role === 'owner' ? await settled(simulated) : new StandbyTask(simulated.context, PARTITION);
    await simulated.turns(20);
    await simulated.end(task);
    expect(await rowsOnDisk()).toEqual(AGAIN);
  });

  test('a standby sets the folder aside', async () => {
    const simulated = await readAgain(5);
    const task = new StandbyTask(simulated.context, PARTITION);
    await simulated.turns(20);
    await simulated.end(task);
    expect(simulated.setAside).toHaveLength(1);
    expect(await rowsOnDisk()).toEqual(AGAIN);
  });
});

/** The last batch in the changelog is the folder's own, and its commit stands. */
async function withCommittedBatch(): Promise<SimulatedPartition> {
  const simulated = await withLostBatch(confirmed);
  const { changelog } = simulated;
  const { changes } = batchOf(BEFORE, BATCH, 5);
  changelog.end -= changes.length + 1;
  append(simulated, { ...batchOf(BEFORE, BATCH, 5), changes });
  return simulated;
}

test.each([
  ['its own batch', 0],
  ['its own batch and the marker, by an earlier release', 1],
  ['its own batch and many aborted batches, by an earlier release', 5_000],
])('a folder after %s is kept: the position row is read back', async (_, without) => {
  const simulated = await withCommittedBatch();
  // Offsets of markers and aborted records: a reader does not see them.
  if (without > 1) simulated.changelog.end += without;
  if (without > 0) await followedByEarlierRelease(simulated.changelog.end);
  await mustContinueWithoutLoss(simulated);
  expect(simulated.setAside).toEqual([]);
});

test('a folder whose last position row was removed by compaction is set aside: nothing else proves its batch', async () => {
  const simulated = await withCommittedBatch();
  append(simulated, batchOf(BEFORE, { untouched: 'old' }, 5));
  const { changelog } = simulated;
  const last = changelog.records.at(-1)!;
  changelog.records = changelog.records.filter((one) => one === last || !one.key!.equals(POSITION_KEY));
  await mustContinueWithoutLoss(simulated);
  expect(simulated.setAside).toEqual([expect.stringContaining('or compaction has removed the row')]);
});

describe('a batch that announced a company, reported one as failed and held another one', () => {
  const ROWS: readonly KeyChange[] = [
    { key: companyKey('announced'), value: announcedRow() },
    { key: companyKey('held'), value: encoded((to) => writeCompanyRow(to, { ...NEW_COMPANY, holds: 1 })) },
    { key: firstSyncKey('linked'), value: encoded((to) => writeFirstSyncRow(to, { linkedAt: 1, failures: 0 })) },
    { key: firstSyncKey('failed'), value: encoded((to) => writeFirstSyncRow(to, { linkedAt: 1, failures: 2 })) },
    {
      key: holdKey('held', `${PARTITION}/4`),
      value: encoded((to) => writeHoldRow(to, { code: 'undecodable', timestamp: 1 })),
    },
  ];

  function announcement(companyId: string, partition = PARTITION): RecordToWrite {
    const source = Buffer.from(`/app/${TOPICS.input}/${partition}`);
    return { key: Buffer.from(companyId), value: Buffer.of(1), headers: [{ key: 'ce_source', value: source }] };
  }

  function failure(companyId: string, attempt: number, partition = PARTITION): RecordToWrite {
    const { key, value, headers } = announcement(companyId, partition);
    return { key, value, headers: [...headers, { key: 'ce_id', value: Buffer.from(`${companyId}/${attempt}`) }] };
  }

  function deadLetter(offset: number, topic = TOPICS.input): RecordToWrite {
    const record = { offset, timestamp: 0, key: Buffer.from('held'), value: null, headers: [] };
    return deadLetterOf(record, { code: 'undecodable', message: '' }, { topic, partition: PARTITION });
  }

  function write(log: SilentLog, record: RecordToWrite): void {
    log.records.push({ ...record, offset: log.end++, timestamp: 0 });
    log.end++; // The marker.
  }

  async function withOutbound(
    announcements: readonly RecordToWrite[],
    deadLetters: readonly RecordToWrite[],
    failures: readonly RecordToWrite[] = [failure('failed', 2)],
  ): Promise<SimulatedPartition> {
    const simulated = await withLostBatch(confirmed, ROWS);
    for (const record of failures) write(simulated.outbound.failed, record);
    for (const record of announcements) write(simulated.outbound.synchronized, record);
    for (const record of deadLetters) write(simulated.outbound.deadLetter, record);
    return simulated;
  }

  test('is written back if the announcement and the dead letter are committed', async () => {
    const simulated = await withOutbound([announcement('announced')], [deadLetter(4)]);
    for (let i = 0; i < 2_000; i++) write(simulated.outbound.synchronized, announcement(`later-${i}`, PARTITION + 1));
    await mustContinueWithoutLoss(simulated);
    expect(simulated.setAside).toEqual([]);
  });

  const FAILURES = [failure('failed', 2)];
  type Records = readonly RecordToWrite[];
  test.each<[string, Records, Records, Records, string]>([
    ['the announcement', [], [deadLetter(4)], FAILURES, 'synchronized lacks the records of announced.'],
    [
      'the announcement, and another partition has one of that company',
      [announcement('announced', PARTITION + 1)],
      [deadLetter(4)],
      FAILURES,
      'synchronized lacks the records of announced.',
    ],
    ['the dead letter', [announcement('announced')], [], FAILURES, `dead-letter lacks the records of ${PARTITION}/4.`],
    [
      'the dead letter, and another record has one',
      [announcement('announced')],
      [deadLetter(3), deadLetter(4, 'other')],
      FAILURES,
      `dead-letter lacks the records of ${PARTITION}/4.`,
    ],
    ['the failure', [announcement('announced')], [deadLetter(4)], [], 'failed lacks the records of failed.'],
    [
      'the failure, and there are others',
      [announcement('announced')],
      [deadLetter(4)],
      [failure('failed', 1), failure('failed', 2, PARTITION + 1)],
      'failed lacks the records of failed.',
    ],
  ])('blocks the partition if brokers have also lost %s', async (_, announcements, deadLetters, failures, missing) => {
    const simulated = await withOutbound(announcements, deadLetters, failures);
    const task = await settled(simulated);
    expect(task.status.state).toBe('blocked');
    expect(task.status.reason).toContain(missing);
    expect(task.status.reason).toContain(`company-sync positions set --partition ${PARTITION} --to state`);
    await simulated.end(task);
    expect(simulated.setAside).toEqual([]);
    expect(rowsInChangelog(simulated)).toEqual(['changed=old', 'deleted=old', 'untouched=old']);

    // The choice of the message: the records are read again, so the company is announced.
    simulated.committed = { offset: 4, leaderEpoch: -1 };
    const again = await settled(simulated);
    expect(again.status.state).toBe('running');
    await simulated.end(again);
    expect(simulated.input.lastRead?.from).toBe(4);
    expect(await rowsOnDisk()).toEqual(['changed=old', 'deleted=old', 'untouched=old']);
  });

  test('waits while an open transaction may hide the announcement', async () => {
    const simulated = await withOutbound([], [deadLetter(4)]);
    const { synchronized } = simulated.outbound;
    synchronized.highWatermark = 5;
    const task = new PartitionTask(simulated.context, PARTITION);
    await simulated.run(() => task.status.reason?.includes('a transaction is open in synchronized/3') === true);
    write(synchronized, announcement('announced'));
    synchronized.highWatermark = 0;
    await simulated.run(() => ['running', 'blocked'].includes(task.status.state));
    await simulated.end(task);
    expect(task.status.state).toBe('closed');
    expect(rowsInChangelog(simulated)).toEqual(AFTER);
  });
});

function announcedRow(): Buffer {
  return encoded((to) =>
    writeCompanyRow(to, {
      outcome: 'announced',
      policy: 'ALL_DATASETS',
      offset: 4,
      synchronizedAt: 1,
      named: 1,
      succeeded: 1,
      failed: 0,
      ended: 0,
    }),
  );
}

test.each<[string, number, string | null, boolean]>([
  ['lacks the last rows of a folder without an origin', 5, null, false],
  ['lacks the last rows of the folder', 5, 'input-1', false],
  ['has come as far', 4, 'input-1', true],
  ['is ahead', 3, 'input-1', true],
  ['is of another input', 5, 'input-2', true],
])('whether the folder is needed, if the changelog %s', async (_, offset, inputId, expected) => {
  const simulated = new SimulatedPartition(folder());
  const { context, changelog } = simulated;
  const originWith = (id: string) => originOf(UNRESTRICTED, null, id).origin;
  append(simulated, batchOf({}, BEFORE, 4));
  const value = encoded((to) => writeOriginRow(to, originWith('input-1')));
  changelog.records.push({ offset: changelog.end++, timestamp: 0, key: ORIGIN_KEY, value, headers: [] });
  const rows = {
    position: { topic: TOPICS.input, offset, countedUnder: 1 },
    origin: inputId === null ? null : originWith(inputId),
  };
  const { signal } = new AbortController();
  expect(await isInChangelog(context, PARTITION, rows, signal)).toBe(expected);
  changelog.said = { ...changelog.said, byMost: false };
  await expect(isInChangelog(context, PARTITION, rows, signal)).rejects.toThrow('too few brokers');
});
