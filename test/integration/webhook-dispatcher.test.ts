/** The example dispatcher between a real topic and a receiver that fails in every possible way. */
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { currentCluster } from '../support/current-cluster.js';
import { pollUntil } from '../../testkit/cluster/poll-until.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { DispatcherProcess } from '../../testkit/dispatcher.js';
import { announcements, consumed } from '../support/outbound.js';
import { Platform } from '../support/platform.js';
import { Processors } from '../../testkit/processor.js';
import { WebhookReceiver, type Answering } from '../../testkit/webhook-receiver.js';

const REPOSITORY = join(__dirname, '..', '..');
const SECRET = `whsec_${randomBytes(32).toString('base64')}`;
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const COMPANIES = ['acme', 'globex', 'initech', 'umbrella', 'hooli', 'stark'];
const DELIVERED_TIMEOUT_MS = 45_000;

const processors = new Processors();
const started: { stop(): Promise<unknown> }[] = [];
let deployment: Deployment;
let eventIds: string[];

/** The announcements exist before any dispatcher starts: each group reads the same ones. */
beforeAll(async () => {
  deployment = await deploy(currentCluster());
  const platform = await Platform.connect(deployment);
  await processors.startReady(deployment);
  const envelope = { headers: { traceparent: TRACEPARENT } };
  await consumed(
    deployment,
    await platform.send(COMPANIES.flatMap((company) => platform.completeCompany(company, envelope))),
  );
  await platform.close();
  await processors.endAll();
  eventIds = (await announcements(deployment)).map(({ event }) => event.eventId).sort();
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((one) => one.stop()));
});
afterAll(() => processors.endAll());

async function receiver(answering: Answering): Promise<WebhookReceiver> {
  const receiver = await WebhookReceiver.start(SECRET, answering);
  started.push({ stop: () => receiver.close() });
  return receiver;
}

function dispatch({ url }: WebhookReceiver, groupId: string, ...flags: string[]): DispatcherProcess {
  const environment = { ...deployment.environment, GROUP_ID: groupId, WEBHOOK_SECRET: SECRET };
  const dispatcher = new DispatcherProcess(REPOSITORY, ['--url', url, ...flags], environment);
  started.push(dispatcher);
  return dispatcher;
}

async function until(awaited: string, probe: () => boolean, { output }: DispatcherProcess): Promise<void> {
  const options = { awaited, timeoutMs: DELIVERED_TIMEOUT_MS };
  await pollUntil(() => Promise.resolve(probe()), options).catch((cause: Error) => {
    throw new Error(`${cause.message}; it printed\n${output}`, { cause });
  });
}

test('a failed delivery is repeated until it is accepted, and not before the time that the receiver asked for', async () => {
  const failures = [{ status: 500 }, { status: 429, headers: { 'retry-after': '3' } }];
  let unlucky: string | null = null;
  const customer = await receiver((id, earlier) => {
    unlucky ??= id;
    return (id === unlucky ? failures[earlier] : undefined) ?? { status: 204 };
  });
  const dispatcher = dispatch(customer, randomUUID());
  await until('all webhooks are accepted', () => customer.accepted.length === COMPANIES.length, dispatcher);

  expect(customer.accepted.map(({ id }) => id).sort()).toEqual(eventIds);
  expect(customer.received.filter(({ signed }) => !signed)).toEqual([]);
  const tries = customer.received.filter(({ id }) => id === unlucky);
  expect(tries.map(({ answered }) => answered.status)).toEqual([500, 429, 204]);
  expect((tries[2]?.at ?? 0) - (tries[1]?.at ?? 0)).toBeGreaterThanOrEqual(3_000);
  expect(customer.received).toHaveLength(COMPANIES.length + failures.length);
  const acme = customer.accepted.find(
    ({ body }) => (body as { data: { companyId: string } }).data.companyId === 'acme',
  );
  expect(acme?.headers['traceparent']).toBe(TRACEPARENT);
  expect(acme?.body).toMatchObject({ type: 'company.synchronized.v1', data: { eventId: acme?.id, succeeded: 1 } });
  expect(await dispatcher.stop()).toBe(0);
});

test('after a kill and a restart it loses no webhook, and repeats only unanswered ones, with the same id', async () => {
  const groupId = randomUUID();
  const unanswered: string[] = [];
  const customer = await receiver((id) => {
    if (customer.accepted.length < 2) return { status: 200 };
    unanswered.push(id);
    return new Promise<never>(() => undefined);
  });
  const killed = dispatch(customer, groupId);
  await until('a webhook is under way', () => unanswered.length > 0, killed);
  await killed.kill();

  const taken = customer.accepted.map(({ id }) => id);
  const next = await receiver(() => ({ status: 200 }));
  const restarted = dispatch(next, groupId);
  const all = () => new Set([...taken, ...next.accepted.map(({ id }) => id)]);
  await until('all webhooks are accepted', () => all().size === COMPANIES.length, restarted);
  expect([...all()].sort()).toEqual(eventIds);
  expect(next.accepted.map(({ id }) => id)).toEqual(expect.arrayContaining(unanswered));
});

test('the former body without event types is sent to receivers that expect it', async () => {
  const customer = await receiver(() => ({ status: 200 }));
  const dispatcher = dispatch(customer, randomUUID(), '--payload', 'legacy');
  await until('all webhooks are accepted', () => customer.accepted.length === COMPANIES.length, dispatcher);
  expect(customer.accepted.every(({ signed }) => signed)).toBe(true);
  expect(customer.accepted.map(({ body }) => body)).toContainEqual({
    CompanyId: 'acme',
    ClientId: 'client-1',
    RuleType: 'New company synchronized',
    AlertId: expect.any(String) as string,
    Message: 'Company acme synced for the first time',
    Data: {},
  });
});

test('a receiver that has answered 410 is not called any more', async () => {
  const customer = await receiver(() => ({ status: 410 }));
  const dispatcher = dispatch(customer, randomUUID());
  expect(await dispatcher.exited).toBe(1);
  expect(dispatcher.output).toMatch(/answered 410/);
});
