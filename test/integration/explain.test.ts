/** Two instances explain their companies, over HTTP and by the command, and so does the folder of a stopped one. */
import { SCHEMAS } from '../../src/ops/api-schemas.js';
import { currentCluster } from '../support/current-cluster.js';
import { runCommand } from '../../testkit/command.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { consumed } from '../support/outbound.js';
import { Platform, type PlatformRecord } from '../support/platform.js';
import { Processors, type Processor } from '../../testkit/processor.js';

const TOKEN = 'the-token-of-the-test';
/** Enough for a search of several reads in the outbound topic. */
const ANNOUNCED = 6_000;

interface Explained {
  readonly verdict: string;
  readonly sentence: string;
  readonly asOf: { readonly partition: number; readonly offset: number } | null;
  readonly notes: readonly string[];
  readonly datasets: readonly {
    readonly datasetId: string;
    readonly status: string;
    readonly decidedAtOffset: number;
  }[];
}

const processors = new Processors();
let deployment: Deployment;
let platform: Platform;
let instances: Processor[];

beforeAll(async () => {
  deployment = await deploy(currentCluster(), { settings: { HTTP_TOKEN: TOKEN } });
  platform = await Platform.connect(deployment);
  instances = [processors.start(deployment), processors.start(deployment)];
  await Promise.all(instances.map((instance) => instance.ready()));
  await Promise.all(
    instances.map((instance) => instance.poll(async () => (await owned(instance)) > 0, 'it has some', 30_000)),
  );
});

afterAll(async () => {
  await platform.close();
  await processors.endAll();
});

async function owned(instance: Processor): Promise<number> {
  const response = await get(instance, '/partitions');
  return ((await response.json()) as { readonly partitions: unknown[] }).partitions.length;
}

async function get(instance: Processor, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${TOKEN}` };
  return fetch(`${await instance.address()}${path}`, { headers, redirect: 'manual', ...init });
}

async function commit(records: readonly PlatformRecord[]) {
  const places = await platform.send(records);
  await consumed(deployment, places);
  return places;
}

async function explainCommand(companyId: string, ...flags: string[]) {
  return runCommand(['explain', ...flags, '--', companyId], deployment.environment);
}

async function explained(companyId: string): Promise<Explained> {
  const { stdout, stderr } = await explainCommand(companyId, '--json');
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Explained;
}

test('one instance answers and the other redirects to it, whatever the id and the partitioner', async () => {
  const ids = ['plain', 'with/slash and %2F?&#', 'ünïcode-公司-🏢', 'x'.repeat(300), '公'.repeat(300)];
  const records = ids.map((id, i) => platform.manifest(id, { datasets: ['a'] }, { partition: i % 3 }));
  await commit(records);
  for (const id of ids) {
    const path = `/companies/${encodeURIComponent(id)}`;
    const answers = await Promise.all(instances.map((instance) => get(instance, path)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 307]);
    const addresses = await Promise.all(instances.map((instance) => instance.address()));
    const [answering, redirecting] = answers[0]?.status === 200 ? [0, 1] : [1, 0];
    expect(answers[redirecting]?.headers.get('location')).toBe(`${addresses[answering]}${path}`);
    expect(await answers[answering]?.json()).toMatchObject({ companyId: id, verdict: 'waiting' });
    expect(await explained(id)).toMatchObject({ companyId: id, verdict: 'waiting' });
  }
});

test('a missing or wrong token allows only probes and metrics', async () => {
  const [instance] = instances as [Processor];
  for (const headers of [{}, { authorization: 'Bearer wrong' }])
    for (const path of ['/companies/x', '/partitions', '/nothing'])
      expect((await get(instance, path, { headers })).status).toBe(401);
  for (const path of ['/livez', '/readyz', '/metrics'])
    expect((await get(instance, path, { headers: {} })).status).toBe(200);
  const withoutToken = { ...deployment.environment, HTTP_TOKEN: '' };
  const { exitCode, stderr } = await runCommand(['explain', 'plain'], withoutToken);
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining('HTTP_TOKEN')]);
});

test('a held company is explained with its bad record, and with the way to lift the hold', async () => {
  const broken = { key: 'held', value: Buffer.from('no avro') };
  const [place] = await commit([broken, ...platform.completeCompany('held')]);
  const record = `${place?.partition}/${place?.offset}`;
  const { exitCode, stdout } = await explainCommand('held');
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(new RegExp(`^held: held: record ${record} is not framed as Avro`));
  expect(stdout).toContain('repairs');
  const [, completing] = platform.completeCompany('held');
  await commit([{ ...(completing as PlatformRecord), headers: { repairs: record } }]);
  expect((await explained('held')).verdict).toBe('announced');
});

test('an announced company is explained with the datasets of its event, found among thousands', async () => {
  const companies = Array.from({ length: ANNOUNCED }, (_, i) => `announced-${i}`);
  const places = await commit(companies.flatMap((company) => platform.completeCompany(company)));
  for (const i of [0, 1, ANNOUNCED / 2, ANNOUNCED - 1]) {
    const { verdict, datasets, notes } = await explained(`announced-${i}`);
    const [, completing] = places.slice(2 * i);
    expect({ verdict, notes }).toEqual({ verdict: 'announced', notes: [] });
    expect(datasets).toMatchObject([
      { datasetId: `dataset of announced-${i}`, status: 'Complete', decidedAtOffset: completing?.offset },
    ]);
  }
});

test('a company counts as never seen only after every instance was asked', async () => {
  for (const instance of instances) {
    const response = await get(instance, '/companies/never-seen');
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ verdict: 'unknown', sentence: 'no record of this company was seen' });
  }
  const { exitCode, stdout } = await explainCommand('never-seen');
  expect([exitCode, stdout]).toEqual([1, expect.stringContaining('no record of this company was seen')]);
});

test('--watch follows a company to its announcement', async () => {
  await commit([platform.manifest('watched', { datasets: ['a'] })]);
  const watching = explainCommand('watched', '--watch', '--json');
  await commit([platform.status('watched', 'a', 'Complete')]);
  const { exitCode, stdout } = await watching;
  const verdicts = stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as Explained).verdict);
  expect([exitCode, verdicts.at(-1)]).toEqual([0, 'announced']);
});

test('each instance returns lists and partitions of all instances, as the API document says', async () => {
  await commit([{ key: 'held too', value: Buffer.from('no avro') }]);
  for (const instance of instances) {
    const held = SCHEMAS.companies.parse(await (await get(instance, '/companies?state=held&limit=10')).json());
    expect(held).toMatchObject({ complete: true, companies: [{ companyId: 'held too', holds: 1 }] });
    const pending = SCHEMAS.companies.parse(await (await get(instance, '/companies?state=pending')).json());
    expect(pending.companies.map(({ companyId }) => companyId)).toEqual(expect.arrayContaining(['plain', 'held too']));
    expect(pending.companies.map(({ companyId }) => companyId)).not.toContain('announced-0');
    const { partitions } = SCHEMAS.partitions.parse(await (await get(instance, '/partitions?scope=deployment')).json());
    expect(partitions.map(({ state }) => state)).toEqual(['running', 'running', 'running']);
    expect(new Set(partitions.map(({ owner }) => owner)).size).toBe(2);
    const explanation = await get(instance, '/companies/announced-0?scope=deployment');
    expect(SCHEMAS.explanation.parse(await explanation.json()).datasets).toHaveLength(1);
    expect((await get(instance, '/companies?state=lost')).status).toBe(400);
    expect((await get(instance, '/companies?state=held&limit=0')).status).toBe(400);
  }
});

describe('when the instances stop', () => {
  test('the folder of a running instance is refused; a stopped one is explained from its folder alone', async () => {
    await commit([platform.manifest('left', { datasets: ['a'] }, { partition: 0 })]);
    const offline = (instance: Processor, id: string) =>
      runCommand(['explain', id, '--offline', instance.stateDir], { KAFKA_BROKERS: '127.0.0.1:1' });
    const [first, second] = instances as [Processor, Processor];
    const refused = await offline(first, 'left');
    expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringContaining('is used by another process')]);

    expect(await Promise.all([first.stop(), second.stop()])).toEqual([0, 0]);
    const left = await Promise.all([first, second].map((instance) => offline(instance, 'left')));
    expect(left.map(({ stdout }) => stdout).join('\n')).toContain('left: waiting for 1 of 1 dataset on 1 connection');
    const announced = await Promise.all([first, second].map((instance) => offline(instance, 'announced-0')));
    expect(announced.map(({ stdout }) => stdout).join('\n')).toMatch(/announced at .*: 1 complete, 0 failed/);

    const gone = await explainCommand('left');
    expect([gone.exitCode, gone.stderr]).toEqual([1, expect.stringContaining('no running instance')]);
  });
});
