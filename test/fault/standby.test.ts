/** A standby follows the changelog of a partition that another instance owns, so a take-over replays only the tail. */
import { rmSync } from 'node:fs';
import { assignmentsOf, shared } from '../support/assignments.js';
import { auditCluster } from '../../testkit/audit/audit-cluster.js';
import { currentCluster } from '../support/current-cluster.js';
import { deploy } from '../../testkit/deployment.js';
import { consumed } from '../support/outbound.js';
import { Platform } from '../support/platform.js';
import { Processors, type Processor } from '../../testkit/processor.js';
import { restoreOf, restoresOf } from '../support/restore-log.js';

interface Standby {
  readonly partition: number;
  readonly position: number;
  readonly lag: number;
}

const processors = new Processors();
const PARTITIONS = 2;
const COMPANIES = 300;

afterAll(() => processors.endAll());

async function standbysOf(processor: Processor): Promise<readonly Standby[]> {
  const { standbys } = (await (await processor.get('/partitions')).json()) as { standbys: readonly Standby[] };
  return standbys;
}

test('the standby of a killed owner takes over and replays only the tail, although the owner lost its state', async () => {
  const settings = { NUM_STANDBY: '1' };
  const deployment = await deploy(currentCluster(), { partitions: PARTITIONS, settings });
  const platform = await Platform.connect(deployment);
  try {
    const [one, other] = [await processors.startReady(deployment), await processors.startReady(deployment)];
    const send = async (name: string) => {
      const records = Array.from({ length: COMPANIES }, (_, i) =>
        platform.completeCompany(`${name}-${i}`, { partition: i % PARTITIONS }),
      ).flat();
      await consumed(deployment, await platform.send(records));
    };
    await send('first');
    // Uses the metrics, because the number of requests to `/partitions` is limited.
    const followed = async () =>
      /^company_sync_standby_lag_records\{.*\} 0$/m.test(await (await other.get('/metrics')).text());
    await other.poll(followed, 'its standby has followed the changelog', 30_000);
    const [standby] = await standbysOf(other);
    if (standby === undefined) throw new Error('there is no standby');
    expect(standby.position).toBeGreaterThan(0);

    await one.kill();
    rmSync(one.stateDir, { recursive: true });
    const taken = other.logged(
      ({ partition, state }) => partition === standby.partition && state === 'running',
      'it runs the partition of its standby',
    );
    await taken;
    // If a take-over restores anything from the changelog, it is never a part that the standby had.
    const restored = restoreOf(other.log, standby.partition);
    expect(restored?.start ?? standby.position).toBeGreaterThanOrEqual(standby.position);
    await send('second');
    const { announced, anomalies } = await auditCluster({ ...deployment, settingsInPlaceBefore: 0 });
    expect(anomalies).toEqual([]);
    expect(announced).toBe(2 * COMPANIES);
    expect(await standbysOf(other)).toEqual([]);
    expect(await other.stop()).toBe(0);
  } finally {
    await platform.close();
  }
});

test('an owner that becomes a standby, and an owner again, keeps its state', async () => {
  const settings = { NUM_STANDBY: '1' };
  const deployment = await deploy(currentCluster(), { partitions: PARTITIONS, settings });
  const platform = await Platform.connect(deployment);
  try {
    const send = async (name: string) => {
      const records = Array.from({ length: COMPANIES }, (_, i) =>
        platform.completeCompany(`${name}-${i}`, { partition: i % PARTITIONS }),
      ).flat();
      await consumed(deployment, await platform.send(records));
    };
    const stays = await processors.startReady(deployment);
    await send('alone');
    const other = processors.start(deployment);
    await shared([stays, other], PARTITIONS);
    const moved = [0, 1].find((partition) => !assignmentsOf(stays.log).at(-1)?.includes(partition)) as number;
    await send('shared');
    const follows = async () =>
      (await standbysOf(stays)).some(({ partition, lag }) => partition === moved && lag === 0);
    await stays.poll(follows, 'the former owner follows as a standby', 30_000);
    const [standby] = await standbysOf(stays);
    expect(await other.stop()).toBe(0);
    await shared([stays], PARTITIONS);
    // It becomes the owner again: its standby has followed, so almost nothing is left to restore.
    const again = restoresOf(stays.log, moved).at(-1);
    expect(again?.start ?? standby?.position).toBeGreaterThanOrEqual(standby?.position ?? Infinity);

    const otherAgain = processors.start(deployment, { stateDir: other.stateDir });
    await shared([stays, otherAgain], PARTITIONS);
    await send('shared again');
    const logs = [stays.log, otherAgain.log];
    const fromTheBeginning = logs.flatMap((log) => [0, 1].flatMap((partition) => restoresOf(log, partition)));
    expect(fromTheBeginning.filter(({ start }) => start === 0)).toEqual([]);
    expect(logs.flat().filter(({ msg }) => msg.includes('set aside'))).toEqual([]);
    const { anomalies } = await auditCluster({ ...deployment, settingsInPlaceBefore: 0 });
    expect(anomalies).toEqual([]);
  } finally {
    await platform.close();
  }
});
