/** Changelog and group's offset have lost the same last transactions. Only the folder shows it. */
import { DAY_MS } from '../../../src/lib/time-units.js';
import { BrokerError } from '../../../src/pipeline/errors.js';
import { PartitionTask } from '../../../src/pipeline/partition-task.js';
import type { CommittedOffset } from '../../../src/pipeline/ports.js';
import { StoreUnavailableError } from '../../../src/store/key-value-store.js';
import { temporaryFolder } from '../store/temporary-folder.js';
import { EPOCH, restarted, settled, started } from './restarted-partition.js';
import { PARTITION, type SimulatedPartition } from './simulated-partition.js';

const folder = temporaryFolder();
const otherFolder = temporaryFolder();
/** Consumes `count` input records, each in a transaction of its own. */
async function consume(simulated: SimulatedPartition, count: number): Promise<void> {
  const task = await settled(simulated);
  for (let i = 0; i < count; i++) {
    const before = simulated.committed?.offset;
    simulated.input.end++;
    simulated.input.deliver();
    await simulated.run(() => simulated.committed?.offset !== before);
    await simulated.pass(1_000);
  }
  await simulated.end(task);
}

interface Lost {
  readonly simulated: SimulatedPartition;
  /** The group's offset that is left. */
  readonly left: CommittedOffset;
  readonly last: CommittedOffset;
  /** The changelog with the lost transactions. */
  readonly whole: Pick<SimulatedPartition['changelog'], 'records' | 'end'>;
}

/**
 * A partition whose changelog and offset have lost the last `count` transactions.
 * @param meanwhile called before the loss
 */
async function afterLoss(count: number, meanwhile = (_: SimulatedPartition) => Promise.resolve()): Promise<Lost> {
  const simulated = started(folder());
  await consume(simulated, 1);
  const { records, end } = simulated.changelog;
  const left = simulated.committed as CommittedOffset;
  const kept = [...records];
  await consume(simulated, count);
  await meanwhile(simulated);
  const last = simulated.committed as CommittedOffset;
  const whole = { records: [...simulated.changelog.records], end: simulated.changelog.end };
  simulated.changelog.records = kept;
  simulated.changelog.end = end;
  simulated.committed = left;
  return { simulated, left, last, whole };
}

async function mustBeBlocked(simulated: SimulatedPartition, { left, last }: Pick<Lost, 'left' | 'last'>) {
  const task = await settled(simulated);
  expect(task.status.state).toBe('blocked');
  expect(task.status.reason).toContain('(transactions lost)');
  expect(task.status.reason).toContain(
    `the state covers the input up to offset ${left.offset}, the group's offset is ${left.offset}, and the input holds ` +
      `0 to ${last.offset}. But a state folder of this instance had followed it up to offset ${last.offset}`,
  );
  expect(task.status.reason).toContain(
    'kafka-consumer-groups.sh --bootstrap-server broker:9092 --group app --topic input:3 --reset-offsets ' +
      `--to-offset ${left.offset} --execute`,
  );
  expect(task.status.reason).not.toContain('othing is announced twice');
  await simulated.end(task);
}

test('the partition is blocked after a proof, in this process and in the next ones', async () => {
  const { simulated, left, last } = await afterLoss(3);
  await mustBeBlocked(simulated, { left, last });
  expect(simulated.proofs).toBe(1);
  expect(simulated.setAside).toEqual([
    expect.stringMatching(/has followed the changelog up to \d+, but the changelog ends at/),
  ]);
  const next = restarted(simulated, folder());
  await mustBeBlocked(next, { left, last });
  expect(next.setAside).toEqual([]);
});

test('the process may die after the folder was set aside, and before the next one knows of it', async () => {
  const { simulated, left, last } = await afterLoss(3);
  const { state } = simulated.context;
  const opened = state.open.bind(state);
  // From the renaming on, the disk does not answer.
  state.open = (partition) =>
    simulated.setAside.length > 0 ? Promise.reject(new StoreUnavailableError('killed')) : opened(partition);
  const task = new PartitionTask(simulated.context, PARTITION);
  await simulated.run(() => simulated.errors.length > 0);
  await simulated.end(task);
  expect(simulated.setAside).toHaveLength(1);
  await mustBeBlocked(restarted(simulated, folder()), { left, last });
});

test('a folder that is set aside as corrupt still passes on the loss that it knew of', async () => {
  const { simulated, left, last } = await afterLoss(3);
  await mustBeBlocked(simulated, { left, last });
  const store = await simulated.context.state.open(PARTITION);
  await simulated.context.state.setAside(PARTITION, 'a row is damaged', store);
  await mustBeBlocked(restarted(simulated, folder()), { left, last });
});

test('a loss that is as long as the proof is noticed too', async () => {
  const { simulated, left, last } = await afterLoss(1);
  await mustBeBlocked(simulated, { left, last });
  expect(simulated.setAside).toHaveLength(1);
});

test('a loss is noticed although the take-over fails after the proof, which is as long as the loss', async () => {
  // The folder has read its last batch back, so only its position shows the loss.
  const { simulated, left, last } = await afterLoss(1, (simulated) => consume(simulated, 0));
  const { inputLogs } = simulated.context;
  const bounds = inputLogs.bounds.bind(inputLogs);
  inputLogs.bounds = (log) => {
    if (simulated.proofs === 0) return bounds(log);
    inputLogs.bounds = bounds;
    return Promise.reject(new BrokerError('the leader has no time'));
  };
  await mustBeBlocked(simulated, { left, last });
  expect(simulated.errors).toHaveLength(2);
  expect(simulated.setAside).toEqual([expect.stringContaining('has followed the changelog up to')]);
});

test('a batch that was aborted in changelog and offset alike is noticed', async () => {
  const { simulated, left, last, whole } = await afterLoss(1);
  simulated.changelog.end = whole.end; // The records are still there, but nobody reads them.
  await mustBeBlocked(simulated, { left, last });
  expect(simulated.setAside).toEqual([expect.stringContaining('was aborted there')]);
});

test('an accepted loss does not block the partition again where another folder shows it', async () => {
  const { simulated, left, last } = await afterLoss(3);
  await mustBeBlocked(simulated, { left, last });
  simulated.crash(otherFolder());
  await mustBeBlocked(restarted(simulated, otherFolder()), { left, last });
  const accepting = restarted(simulated, folder());
  accepting.committed = { offset: left.offset, leaderEpoch: -1 };
  const task = await settled(accepting);
  await accepting.run(() => accepting.committed?.leaderEpoch === EPOCH);
  await accepting.end(task);
  const elsewhere = restarted(accepting, otherFolder());
  const moved = await settled(elsewhere);
  expect(moved.status).toEqual({ state: 'running', reason: null });
  await elsewhere.end(moved);
});

test('a folder that another owner has continued past shows no loss, also if it is set aside later because of its age', async () => {
  const simulated = started(folder());
  await consume(simulated, 5);
  // The input is cut off below the state. An operator consents on another instance, which continues.
  const other = restarted(simulated, otherFolder());
  other.input.end = 2;
  other.committed = { offset: 0, leaderEpoch: -1 };
  await consume(other, 1);
  const back = restarted(other, folder());
  back.now += 8 * DAY_MS;
  const task = await settled(back);
  expect(back.setAside).toEqual([expect.stringContaining('may have missed deletions')]);
  expect(task.status).toEqual({ state: 'running', reason: null });
  await back.end(task);
});

test('an offset that an operator has set accepts the loss, once and permanently', async () => {
  const { simulated, left, last } = await afterLoss(3);
  await mustBeBlocked(simulated, { left, last });
  simulated.committed = { offset: left.offset, leaderEpoch: -1 };
  const proofs = simulated.proofs;
  const task = await settled(simulated);
  expect(task.status).toEqual({ state: 'running', reason: null });
  expect(simulated.proofs).toBe(proofs + 1); // A broker that is cut off could give such an offset.
  await simulated.end(task);
  expect(simulated.input.lastRead?.from).toBe(left.offset);
  const next = restarted(simulated, folder());
  next.committed = left; // As the next transaction commits it.
  const again = await settled(next);
  expect(again.status).toEqual({ state: 'running', reason: null });
  await next.end(again);
});

test('a changelog that has gone on to the same input offset lacks nothing', async () => {
  const { simulated, left, last, whole } = await afterLoss(3);
  await mustBeBlocked(simulated, { left, last });
  const next = restarted(simulated, folder());
  Object.assign(next.changelog, whole);
  next.committed = last;
  const task = await settled(next);
  expect(task.status).toEqual({ state: 'running', reason: null });
  await next.end(task);
});

test('a loss that is over is forgotten: a later consent to read the input from its start is enough', async () => {
  const { simulated, left, last, whole } = await afterLoss(3);
  await mustBeBlocked(simulated, { left, last });
  const later = restarted(simulated, folder());
  Object.assign(later.changelog, whole);
  later.committed = last;
  await later.end(await settled(later));
  // The input is cut off below the state, and an operator consents to read it from its start.
  later.input.end = left.offset;
  later.committed = { offset: 0, leaderEpoch: -1 };
  await later.end(await settled(later));
  const next = restarted(later, folder());
  const task = await settled(next);
  expect(task.status).toEqual({ state: 'running', reason: null });
  await next.end(task);
});

test("an idle partition commits a leader epoch with an operator's offset, which shows a loss of the input later", async () => {
  const simulated = started(folder());
  await consume(simulated, 1);
  const offset = (simulated.committed as CommittedOffset).offset;
  simulated.committed = { offset, leaderEpoch: -1 };
  const task = await settled(simulated);
  await simulated.run(() => simulated.committed?.leaderEpoch === EPOCH);
  expect(simulated.committed).toEqual({ offset, leaderEpoch: EPOCH });
  await simulated.end(task);
});

test('the folder of an input that was created again shows no loss', async () => {
  const { simulated, left, last } = await afterLoss(3);
  await mustBeBlocked(simulated, { left, last });
  const next = restarted(simulated, folder());
  next.input.said = { ...next.input.said, topicId: 'input-2' };
  const task = await settled(next);
  expect(task.status.reason).toContain('(input recreated)');
  expect(task.status.reason).toContain('Nothing is announced twice');
  await next.end(task);
});

test('if the offset is gone too, the advice says what is announced again', async () => {
  const { simulated, left, last } = await afterLoss(3);
  simulated.committed = null;
  const task = await settled(simulated);
  expect(simulated.setAside).toHaveLength(1);
  expect(task.status.state).toBe('blocked');
  expect(task.status.reason).toContain('(offset missing)');
  expect(task.status.reason).not.toContain('othing is announced twice');
  expect(task.status.reason).toContain(`Offsets ${left.offset} to ${last.offset - 1} are read again`);
  await simulated.end(task);
});
