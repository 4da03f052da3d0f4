/** The input is deleted and created again under its name while an instance runs. */
import { currentCluster } from '../support/current-cluster.js';
import { runCommand } from '../../testkit/command.js';
import { createTopics, deploy } from '../../testkit/deployment.js';
import { KafkaOperator } from '../support/kafka-operator.js';
import { announcedCompanies, consumed } from '../support/outbound.js';
import { Platform, type PlatformRecord } from '../support/platform.js';
import { Processors } from '../../testkit/processor.js';

const processors = new Processors();
const platforms: Platform[] = [];
afterEach(async () => {
  await processors.endAll();
  await Promise.all(platforms.splice(0).map((platform) => platform.close()));
});

const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}-${String(i).padStart(2, '0')}`);

test('records of the new topic are not read from the old position, and none is lost once an operator has chosen', async () => {
  const deployment = await deploy(currentCluster(), { partitions: 1 });
  const operator = new KafkaOperator(currentCluster(), deployment);
  const complete = (platform: Platform, companies: readonly string[]): PlatformRecord[] =>
    companies.flatMap((company) => platform.completeCompany(company, { partition: 0 }));
  const connect = async (): Promise<Platform> => {
    const platform = await Platform.connect(deployment);
    platforms.push(platform);
    return platform;
  };
  const former = await connect();
  const processor = await processors.startReady(deployment);
  const old = names('old', 10);
  await consumed(deployment, await former.send(complete(former, old)));
  expect(await announcedCompanies(deployment)).toEqual(old);

  await operator.deleteTopic(deployment.topics.events);
  await createTopics(deployment);
  // More records than were consumed before, so the old position is within the new log.
  const fresh = names('new', 20);
  const platform = await connect();
  await platform.send(complete(platform, fresh));
  const { reason } = await processor.partitionIs(0, 'blocked');
  expect(reason).toMatch(/input recreated.*positions set --partition 0 --to log-start/);
  expect(await announcedCompanies(deployment)).toEqual(old);

  expect(await processor.stop()).toBe(0);
  const set = await runCommand(['positions', 'set', '--to', 'log-start', '--yes'], deployment.environment);
  expect(set).toMatchObject({ exitCode: 0, stderr: '' });
  const again = await processors.startReady(deployment, { stateDir: processor.stateDir });
  await consumed(deployment, await platform.send(complete(platform, ['last'])));
  expect(await announcedCompanies(deployment)).toEqual(['last', ...fresh, ...old].sort());
  await again.stop();
});
