/** `company-sync events send` and `events tail`: what a newcomer tries first. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { currentCluster } from '../support/current-cluster.js';
import { plainClient } from '../support/topics.js';
import { runCommand } from '../../testkit/command.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { Processors } from '../../testkit/processor.js';

const processors = new Processors();
const folder = mkdtempSync(join(tmpdir(), 'events-'));
let deployment: Deployment;

beforeAll(async () => {
  deployment = await deploy(currentCluster());
});
afterAll(async () => {
  await processors.endAll();
  rmSync(folder, { recursive: true, force: true });
});

function send(file: string) {
  return runCommand(['events', 'send', '--file', file], deployment.environment);
}

test('the example is sent, and its announcement is read', async () => {
  const example = join(__dirname, '..', '..', 'examples', 'events.jsonl');
  expect(await send(example)).toMatchObject({ exitCode: 0, stdout: `5 events sent to ${deployment.topics.events}\n` });
  await processors.startReady(deployment);

  const tail = ['events', 'tail', '--from-beginning', '--count', '1'];
  const { stdout } = await runCommand(tail, deployment.environment);
  expect(stdout).toMatch(
    /Z {2}acme {2}"Acme Ltd" of client-1: 1 complete, 1 failed, 0 ended without data \(ALL_DATASETS/,
  );
  const asJson = await runCommand([...tail, '--json'], deployment.environment);
  expect(JSON.parse(asJson.stdout)).toMatchObject({ companyId: 'acme', succeeded: 1, failed: 1 });
});

test('events tail fails at the end if a record of the topic is not an announcement', async () => {
  const topic = deployment.topics.synchronized;
  const producer = plainClient(currentCluster().bootstrap).producer();
  await producer.connect();
  await producer.send({ topic, messages: [{ key: 'umbrella', value: 'not Avro' }] });
  await producer.disconnect();

  const { exitCode, stdout, stderr } = await runCommand(
    ['events', 'tail', '--to-end', '--json'],
    deployment.environment,
  );
  expect(stdout).toMatch(/"companyId":"acme".*\n/);
  expect(stdout).toMatch(/"key":"umbrella","offset":\d+,"error":/);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 1,
    stderr: expect.stringContaining('1 of the printed records cannot be read as announcements') as string,
  });
});

test('nothing is sent if a line of the file is not an event', async () => {
  const file = join(folder, 'events.jsonl');
  const good = '{"companyId":"initech","clientId":"a","payload":{"CompanyDeleted":{}}}';
  writeFileSync(file, `${good}\n\n{"companyId":"initech"}\nnonsense\n`);
  const { exitCode, stdout } = await send(file);

  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/^line 3: payload: expected .*\nline 4: not JSON: .*\nnothing was sent: /);
  const { stdout: explained } = await runCommand(['explain', 'initech'], deployment.environment);
  expect(explained).toMatch(/no record/);
});
