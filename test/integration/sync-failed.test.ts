/** First syncs that are over without success: published once for each time, whatever happens to the instance. */
import { currentCluster } from '../support/current-cluster.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { announcedCompanies, committedRecords, eventReader } from '../support/outbound.js';
import { Platform } from '../support/platform.js';
import { Processors, type Processor } from '../../testkit/processor.js';

const SETTINGS = { ALL_DATASETS_FROM: '2023-10-10T00:00:00Z' };

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

interface Failed {
  readonly companyId: string;
  readonly attempt: number;
  readonly datasets: readonly { readonly datasetId: string; readonly status: string }[];
}

/** All events so far, by company and attempt. */
async function published(): Promise<Failed[]> {
  const valueOf = eventReader(deployment, 'company-sync-failed-value');
  const records = await committedRecords(deployment, deployment.topics.failed);
  return records
    .map((record) => valueOf(record) as Failed)
    .sort((a, b) => a.companyId.localeCompare(b.companyId) || a.attempt - b.attempt);
}

/** Waits until all partitions have committed everything that the platform has sent so far. */
async function consumedAll(processor: Processor, marker: string): Promise<void> {
  await platform.send(platform.completeCompany(marker));
  await processor.poll(
    async () => (await announcedCompanies(deployment)).includes(marker),
    `${marker} is announced`,
    30_000,
  );
}

test('a failed first sync is published once, not again after a kill with the state lost, and again after a new try', async () => {
  const first = await processors.startReady(deployment);
  await platform.send([
    platform.manifest('acme', { datasets: ['a', 'b'] }),
    platform.status('acme', 'a', 'FetchError'),
    platform.status('acme', 'b', 'Cancelled'),
    platform.manifest('half', { datasets: ['a', 'b'] }),
    platform.status('half', 'a', 'FetchError'),
  ]);
  await first.poll(async () => (await published()).length >= 1, 'the failure is published', 30_000);
  await platform.send([platform.status('acme', 'a', 'MapError')]);
  await consumedAll(first, 'marker-1');
  expect(await published()).toMatchObject([{ companyId: 'acme', attempt: 1 }]);
  const [{ datasets }] = (await published()) as [Failed];
  expect(datasets.map(({ datasetId, status }) => [datasetId, status]).sort()).toEqual([
    ['a', 'FetchError'],
    ['b', 'Cancelled'],
  ]);
  await first.kill();

  const second = await processors.startReady(deployment); // with an empty folder: the attempts come from the changelog
  await consumedAll(second, 'marker-2');
  expect(await published()).toHaveLength(1);

  await platform.send([platform.status('acme', 'a', 'Fetching'), platform.status('acme', 'a', 'FetchError')]);
  await second.poll(async () => (await published()).length >= 2, 'the second failure is published', 30_000);
  await platform.send([platform.status('acme', 'a', 'Fetching'), platform.status('acme', 'a', 'Complete')]);
  await consumedAll(second, 'marker-3');
  expect(await published()).toMatchObject([
    { companyId: 'acme', attempt: 1 },
    { companyId: 'acme', attempt: 2 },
  ]);
  expect(await announcedCompanies(deployment)).toEqual(['acme', 'marker-1', 'marker-2', 'marker-3']);
});
