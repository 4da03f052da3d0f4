/** Companies without progress: published once for each stall, whatever happens to the instance. */
import type { TopicRecord } from '../../testkit/audit/topic-record.js';
import { currentCluster } from '../support/current-cluster.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { announcedCompanies, committedRecords, eventReader } from '../support/outbound.js';
import { Platform } from '../support/platform.js';
import { Processors, type Processor } from '../../testkit/processor.js';
import { HOUR_MS } from '../../src/lib/time-units.js';

/** Within the last day, so retention removes nothing; longer ago than STALLED_AFTER plus the hour of progress. */
const LONG_AGO = Date.now() - 4 * HOUR_MS;
const LATER = LONG_AGO + 2 * HOUR_MS;
const LONG_AGO_HOUR = Math.floor(LONG_AGO / HOUR_MS) * HOUR_MS;

const SETTINGS = { STALLED_AFTER: '500ms', ALL_DATASETS_FROM: '2023-10-10T00:00:00Z' };

const processors = new Processors();
let deployment: Deployment;
let platform: Platform;

beforeAll(async () => {
  deployment = await deploy(currentCluster(), { settings: SETTINGS });
  platform = await Platform.connect(deployment);
});

afterAll(async () => {
  await processors.endAll();
  await platform.close();
});

async function published(): Promise<readonly TopicRecord[]> {
  return committedRecords(deployment, deployment.topics.stalled);
}

/** The number of companies in this state that the instance reports, over all partitions with a finished pass. */
async function counted(processor: Processor, state: string): Promise<number> {
  const metrics = await (await processor.get('/metrics')).text();
  const lines = metrics.matchAll(
    new RegExp(`^company_sync_companies\\{partition="\\d+",state="${state}"\\} (\\d+)$`, 'gm'),
  );
  return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
}

function keysOf(records: readonly TopicRecord[]): string[] {
  return records.map(({ key }) => String(key)).sort();
}

test('a stall is published once: not again after a kill with the state lost, and again after progress', async () => {
  const envelope = { timestamp: LONG_AGO };
  const [held] = await platform.send([{ key: 'held', value: Buffer.from('no avro'), ...envelope }]);
  await platform.send([
    platform.manifest('stuck', { datasets: ['a', 'b'] }, envelope),
    platform.status('stuck', 'a', 'Complete', {}, envelope),
    platform.manifest('busy', { datasets: ['x'] }),
    ...platform.completeCompany('done', envelope),
  ]);
  const first = await processors.startReady(deployment);
  await first.poll(async () => (await published()).length >= 2, 'two stalls are published', 30_000);
  await first.poll(async () => (await counted(first, 'stalled')) === 2, 'it counts two stalled companies', 30_000);
  expect(await counted(first, 'held')).toBe(1);
  expect(await counted(first, 'pending')).toBe(3);
  const read = eventReader(deployment, 'company-sync-stalled-value');
  const records = await published();
  expect(keysOf(records)).toEqual(['held', 'stuck']);
  const valueOf = (key: string) => read(records.find((r) => String(r.key) === key) as TopicRecord);
  expect(valueOf('stuck')).toMatchObject({ companyId: 'stuck', since: LONG_AGO_HOUR, unsealedLinks: [], heldBy: [] });
  expect(valueOf('stuck')).toMatchObject({ waitingFor: [{ datasetId: 'b', status: 'Queued' }] });
  expect(valueOf('held')).toMatchObject({ heldBy: [`${held?.partition}/${held?.offset}`] });
  await first.kill();

  const second = await processors.startReady(deployment); // with an empty folder: the flags come from the changelog
  await second.poll(async () => (await counted(second, 'stalled')) === 2, 'it counts them from the changelog', 30_000);
  expect(keysOf(await published())).toEqual(['held', 'stuck']);

  await platform.send([platform.status('stuck', 'b', 'Fetching', {}, { timestamp: LATER })]);
  await second.poll(async () => (await published()).length >= 3, 'the new stall is published', 30_000);
  expect(keysOf(await published())).toEqual(['held', 'stuck', 'stuck']);

  await platform.send([platform.status('stuck', 'b', 'Complete', {}, { timestamp: LATER })]);
  await second.poll(async () => (await counted(second, 'pending')) === 2, 'it is announced', 30_000);
  expect(await announcedCompanies(deployment)).toEqual(['done', 'stuck']);
});
