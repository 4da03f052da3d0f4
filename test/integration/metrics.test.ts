/** The metrics of a real instance. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { currentCluster } from '../support/current-cluster.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { metricsIn, monitoringExpressions, seriesOf } from '../support/monitoring.js';
import { consumed } from '../support/outbound.js';
import { framed, Platform } from '../support/platform.js';
import { Processors, type Processor } from '../../testkit/processor.js';
import { RegistryProxy } from '../support/registry-proxy.js';

const processors = new Processors();
let registry: RegistryProxy;
let deployment: Deployment;
let platform: Platform;
let processor: Processor;

beforeAll(async () => {
  registry = await RegistryProxy.start(currentCluster().registryUrl);
  deployment = await deploy({ ...currentCluster(), registryUrl: registry.url });
  platform = await Platform.connect(deployment);
  processor = await processors.startReady(deployment);
});

afterAll(async () => {
  await processors.endAll();
  await platform.close();
  await registry.close();
});

async function metrics(): Promise<string> {
  return (await processor.get('/metrics')).text();
}

/** Waits until the metrics have a line that fits. Resolves to all metrics. */
async function metricsWith(line: RegExp): Promise<string> {
  let text = '';
  const look = async () => line.test((text = await metrics()));
  await processor.poll(look, `its metrics have ${line}`, 30_000);
  return text;
}

function valueOf(text: string, series: string): number {
  const line = text.split('\n').find((one) => one.startsWith(`company_sync_${series} `));
  if (line === undefined) throw new Error(`there is no company_sync_${series} in\n${text}`);
  return Number(line.split(' ')[1]);
}

test('a batch appears in the counters, histograms and sizes', async () => {
  const company = randomUUID();
  const writtenAt = Date.now() - 20_000;
  const [manifest, done] = platform.completeCompany(company, { timestamp: writtenAt });
  const badRecord = { key: company, value: Buffer.from('no avro') };
  const places = await platform.send(
    [manifest, done, platform.status(company, 'other', 'Unheard-of'), badRecord].flatMap((record) => record ?? []),
  );
  await consumed(deployment, places);
  const { partition } = places[0] as (typeof places)[number];
  const another = (partition + 1) % deployment.partitions;
  await platform.send([{ ...badRecord, key: randomUUID(), timestamp: writtenAt, partition: another }]);
  await metricsWith(/^company_sync_changelog_size_bytes\{partition="\d+"\} \d+$/m);
  await metricsWith(/^company_sync_store_size_bytes\{.*\} [1-9]/m);
  const text = await metricsWith(/^company_sync_oldest_hold/m);

  expect(valueOf(text, `records_total{partition="${partition}"}`)).toBe(4);
  expect(valueOf(text, 'decisions_total{decision="applied"}')).toBe(1);
  expect(valueOf(text, 'decisions_total{decision="announced"}')).toBe(1);
  expect(valueOf(text, 'decisions_total{decision="ignored-final"}')).toBe(1);
  expect(valueOf(text, 'decisions_total{decision="dead-letter"}')).toBe(2);
  expect(valueOf(text, 'announced_total{policy="ALL_DATASETS"}')).toBe(1);
  expect(valueOf(text, 'dead_letters_total{code="bad-framing"}')).toBe(2);
  expect(valueOf(text, `oldest_hold_timestamp_seconds{partition="${another}"}`)).toBe(writtenAt / 1000);
  expect(valueOf(text, 'dead_letter_retention_seconds')).toBe(30 * 86_400);
  expect(valueOf(text, 'rebalances_total')).toBe(1);
  expect(valueOf(text, 'assigned_partitions{role="active"}')).toBe(deployment.partitions);
  expect(valueOf(text, 'unknown_status_words')).toBe(1);
  expect(valueOf(text, 'latency_seconds_sum')).toBeGreaterThanOrEqual(20);
  for (const step of ['decided', 'begun', 'applied', 'produced', 'offset-sent', 'committed'])
    expect(valueOf(text, `transaction_step_duration_seconds_count{step="${step}"}`)).toBeGreaterThan(0);
  for (const name of ['nodejs_eventloop_lag_p99_seconds', 'process_cpu_seconds_total'])
    expect(text).toMatch(new RegExp(`^${name} `, 'm'));
});

test('a partition that processes nothing has the lag of its waiting records', async () => {
  await registry.becomes('down');
  const partition = 1;
  const waiting = { key: 'anyone', value: framed(987_654, Buffer.alloc(10)), partition };
  await platform.send([waiting, waiting, waiting]);
  await processor.partitionIs(partition, 'waiting-for-registry');
  await metricsWith(/^company_sync_lag_records\{partition="1"\} 3$/m);
  await registry.becomes('well');
});

test('every metric of alerts and dashboard exists, and docs/operations.md has all metrics', async () => {
  const series = seriesOf(await metrics());
  const named = monitoringExpressions().map(metricsIn);
  expect(named.filter((names) => names.length === 0)).toEqual([]);
  expect(named.flat().filter((name) => !series.has(name))).toEqual([]);

  const operations = readFileSync(join(__dirname, '..', '..', 'docs', 'operations.md'), 'utf8');
  const documented = [...operations.matchAll(/^\| `(company_sync_\w+)` \|/gm)].map(([, name]) => name).sort();
  const own = [...(await metrics()).matchAll(/^# TYPE (company_sync_\S+) /gm)].map(([, name]) => name).sort();
  expect(documented).toEqual(own);
});
