/**
 * A batch of the input whose header was damaged on the broker's disk. Its last offset is wrong: the broker returns the
 * batch for each offset up to the claimed one, also for the offsets of the intact batches after it.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { currentCluster } from '../support/current-cluster.js';
import type { Cluster } from '../../testkit/cluster/cluster.js';
import { startOwnCluster } from '../../testkit/cluster/start-cluster.js';
import { runCommand } from '../../testkit/command.js';
import { deploy } from '../../testkit/deployment.js';
import { announcedCompanies, consumed } from '../support/outbound.js';
import { Platform } from '../support/platform.js';
import { Processors } from '../../testkit/processor.js';

const processors = new Processors();
let dir: string;
let cluster: Cluster;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'damaged-batch-'));
  cluster = await startOwnCluster({ registry: false, dir });
});

afterAll(async () => {
  await processors.endAll();
  await cluster.stop();
  await rm(dir, { recursive: true, force: true });
});

test('a batch that claims a last offset far too high is skipped alone, however many records follow', async () => {
  if (cluster.kind !== 'jars') return; // The log of a container cannot be reached.
  const { registryUrl } = currentCluster();
  const deployment = await deploy({ bootstrap: cluster.bootstrap, registryUrl }, { partitions: 1 });
  const platform = await Platform.connect(deployment);
  const first = await platform.send(platform.completeCompany('before'));
  const damaged = await platform.send(platform.completeCompany('damaged'));
  const skipTo = damaged.at(-1)!.offset + 1;
  await platform.send(platform.completeCompany('after'));
  await platform.close();

  const [broker] = cluster.brokers;
  await broker!.stop();
  await claimLastOffset(deployment.topics.events, damaged[0]!.offset, skipTo + 1_000);
  await broker!.start();

  const writing = await Platform.connect(deployment);
  const instance = processors.start(deployment);
  const { reason } = await instance.partitionIs(0, 'blocked');
  expect(reason).toContain('--to after-batch`');
  expect(reason).toContain(`which sets the group's offset to ${skipTo}.`);
  await writing.send(Array.from({ length: 20 }, (_, i) => writing.completeCompany(`later-${i}`)).flat());
  expect(await instance.stop()).toBe(0);
  const set = ['positions', 'set', '--partition', '0', '--to', 'after-batch', '--yes'];
  const { exitCode, stdout } = await runCommand(set, deployment.environment);
  expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
  expect(stdout).toContain(`sets the group's offset, which is ${first.at(-1)!.offset + 1}, to ${skipTo}`);

  await processors.startReady(deployment, { stateDir: instance.stateDir });
  await consumed(deployment, await writing.send(writing.completeCompany('last')));
  await writing.close();
  const others = Array.from({ length: 20 }, (_, i) => `later-${i}`);
  expect(await announcedCompanies(deployment)).toEqual(['after', 'before', 'last', ...others].sort());
});

/** Changes the last offset that the batch at `baseOffset` claims, in the log of the stopped broker. */
async function claimLastOffset(topic: string, baseOffset: number, lastOffset: number): Promise<void> {
  const [log] = (await readdir(dir, { recursive: true })).filter((path) =>
    path.endsWith(`${topic}-0/${'0'.repeat(20)}.log`),
  );
  const path = join(dir, log!);
  const bytes = await readFile(path);
  for (let at = 0; at < bytes.length; at += 12 + bytes.readInt32BE(at + 8))
    if (bytes.readBigInt64BE(at) === BigInt(baseOffset)) {
      bytes.writeInt32BE(lastOffset - baseOffset, at + 23);
      return writeFile(path, bytes);
    }
  throw new Error(`no batch begins at offset ${baseOffset}`);
}
