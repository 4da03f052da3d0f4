/** The HTTP server of an instance that is starting, without the parts behind it. */
import { StoreUnavailableError } from '../../../src/store/key-value-store.js';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { systemClock } from '../../../src/lib/system-clock.js';
import { MAX_WHY_CHARACTERS, SCHEMAS } from '../../../src/ops/api-schemas.js';
import { DependencyWatch, UNREACHABLE_AFTER_MS } from '../../../src/ops/dependency-watch.js';
import { explainUnknown } from '../../../src/domain/explain.js';
import type { CompanyDirectory, Found } from '../../../src/ops/company-directory.js';
import { FAILING_AFTER_MS, FailureWatch } from '../../../src/ops/failure-watch.js';
import { startHttpServer, type HttpServer, type Starting } from '../../../src/ops/http-server.js';
import type { Inspection } from '../../../src/ops/inspection.js';
import { openApiDocument } from '../../../src/ops/openapi.js';
import { PartitionFigures } from '../../../src/ops/partition-figures.js';
import { MemberProofs } from '../../../src/ops/member-proof.js';
import type { PartitionStatus } from '../../../src/pipeline/observer.js';
import { ManualClock, passTime } from '../../support/manual-clock.js';

const PAGE = join(__dirname, '..', '..', '..', 'page');
const ACCESS = {
  host: '127.0.0.1',
  tokens: ['secret'],
  allowedHosts: [],
  clock: systemClock,
  proofs: new MemberProofs(['secret'], systemClock),
};
const STATUSES = new Map<number, PartitionStatus>([
  [0, { state: 'running', reason: null }],
  [1, { state: 'restoring', reason: 'changelog offsets 0 to 9' }],
]);

const DEPENDENCIES = [
  { dependency: 'brokers', reachable: null, unreachableSince: null },
  { dependency: 'schema-registry', reachable: null, unreachableSince: null },
];
const logger = pino({ level: 'silent' });
const ask = { brokers: () => Promise.resolve(), 'schema-registry': () => Promise.resolve() };

let server: HttpServer;
let statuses: Map<number, PartitionStatus>;
let starting: Starting | null;
let failures: FailureWatch;
let nowMs: number;
let dependencies: DependencyWatch;
let inspection: Inspection | null;

beforeEach(async () => {
  statuses = new Map();
  starting = null;
  nowMs = 0;
  inspection = null;
  failures = new FailureWatch(() => nowMs);
  dependencies = new DependencyWatch({ clock: { ...systemClock, now: () => nowMs }, logger, ask });
  const view = {
    starting: () => starting,
    partitions: () => statuses,
    inspection: () => inspection,
    figures: new PartitionFigures(() => 0),
    failures,
    get dependencies() {
      return dependencies;
    },
  };
  server = await startHttpServer({ ...ACCESS, port: 0 }, view, new Registry(), PAGE);
});
afterEach(() => server.close());

function get(path: string, token: string | null = 'secret'): Promise<Response> {
  return fetch(server.address + path, token === null ? {} : { headers: { authorization: `Bearer ${token}` } });
}

async function readiness() {
  const response = await get('/readyz', null);
  return { status: response.status, ...SCHEMAS.readiness.parse(await response.json()) };
}

const NOTHING = { unready: [], failing: [], dependencies: DEPENDENCIES };

test('an instance is ready when all its partitions run, and otherwise reports the reason', async () => {
  expect(await readiness()).toEqual({ status: 200, ready: true, ...NOTHING });
  statuses = STATUSES;
  const unready = [{ partition: 1, state: 'restoring' }];
  expect(await readiness()).toEqual({ status: 503, ready: false, ...NOTHING, unready });
  statuses = new Map();
  starting = { phase: 'waiting for the brokers', because: 'connect ECONNREFUSED 10.0.0.7:9092' };
  expect(await readiness()).toEqual({ status: 503, ready: false, reason: starting.phase, ...NOTHING });
});

test('answers without a token contain no address, whatever an error quotes', async () => {
  const address = 'broker-7.internal:9092';
  starting = { phase: 'waiting for the schema registry', because: `http://${address} does not answer` };
  statuses = new Map([[0, { state: 'waiting', reason: `connect ECONNREFUSED ${address}` }]]);
  for (const part of ['group', 'client-settings'] as const)
    failures.failed(part, null, new Error(`getaddrinfo ENOTFOUND ${address}`));
  failures.error(0, new Error(`Connection error: connect ECONNREFUSED ${address}`));
  nowMs += FAILING_AFTER_MS;
  for (const path of ['/readyz', '/livez', '/metrics'])
    expect(await (await get(path, null)).text()).not.toContain('broker-7');
  expect((await readiness()).failing).toHaveLength(3);
  const answer = SCHEMAS.partitions.parse(await (await get('/partitions')).json());
  expect(answer.starting).toContain(address);
  expect(answer.failing?.map(({ cause }) => cause)).toEqual(Array(3).fill(expect.stringContaining(address)));
});

test('an instance is not ready while a part fails again and again, even at moments when that part runs', async () => {
  const failAndRun = async () => {
    failures.error(0, new Error('no space left'));
    nowMs += 5_000;
    failures.state(0, { state: 'running', reason: null });
    return readiness();
  };
  statuses = new Map([[0, { state: 'running', reason: null }]]);
  failures.state(0, { state: 'waiting', reason: null });
  while (nowMs < FAILING_AFTER_MS - 5_000) expect(await failAndRun()).toMatchObject({ status: 200, ready: true });
  const failing = [{ part: 'partition', partition: 0, failingSince: '1970-01-01T00:00:00.000Z' }];
  expect(await failAndRun()).toEqual({ status: 503, ready: false, ...NOTHING, failing });
});

test.each([
  ['brokers', 503],
  ['schema-registry', 200],
] as const)('an instance that does not reach its %s answers %i, without the reason', async (name, status) => {
  const clock = new ManualClock();
  const fail = () => Promise.reject(new Error('connect ECONNREFUSED 10.0.0.7:9092'));
  dependencies = new DependencyWatch({ clock, logger, ask: { ...ask, [name]: fail } });
  const stop = new AbortController();
  const running = dependencies.run(stop.signal);
  await passTime(clock, 2 * UNREACHABLE_AFTER_MS);
  const unreachable = { dependency: name, reachable: false, unreachableSince: '1970-01-01T00:00:01.000Z' };
  const answer = await readiness();
  expect(answer).toMatchObject({ status, ready: status === 200 });
  expect(answer.dependencies.filter(({ reachable }) => reachable !== true)).toEqual([unreachable]);
  stop.abort();
  await passTime(clock, 1_000);
  await running;
});

test('no answer has a character that moves the cursor of a terminal, and its JSON is the same', async () => {
  const companyId = 'a\u007fb\u009b2Jc\u202ed\u2066e\u{e0041}';
  const found: Found = { kind: 'here', explanation: explainUnknown(companyId, null) };
  const companies = { find: () => Promise.resolve(found) } as unknown as CompanyDirectory;
  inspection = { companies } as Inspection;
  const path = `/companies/${encodeURIComponent(companyId)}`;
  for (const asked of [path, `/companies?id=x&%C2%9B=1&%C2%9B=2`, `/nothing/%C2%9B`, '/companies/%C2%9B%zz']) {
    const text = await (await get(asked)).text();
    expect({ asked, text: /^[\x20-\x7e]+$/.test(text) }).toEqual({ asked, text: true });
  }
  expect(await (await get(path)).json()).toMatchObject({ companyId });
});

test('a refusal does not repeat a long request', async () => {
  for (const path of [`/companies/%zz${'x'.repeat(10_000)}`, `/${'y'.repeat(10_000)}`]) {
    const { error } = SCHEMAS.refusal.parse(await (await get(path)).json());
    expect([error.length <= MAX_WHY_CHARACTERS, error.endsWith('…')]).toEqual([true, true]);
  }
});

test('a request that cannot be answered is refused with a sentence', async () => {
  for (const [path, status] of [
    ['/companies/x', 503],
    ['/companies?state=held', 503],
    ['/companies/%E0%A4%A', 400],
    ['/companies?id=a&id=b', 400],
    ['/companies?state=held&state=held', 400],
    ['/companies?state=held&limit=1&limit=2', 400],
    ['/companies/x?scope=instance&scope=deployment', 400],
    ['/partitions?scope=deployment&scope=deployment', 400],
    ['/nothing', 404],
  ] as const) {
    const response = await get(path);
    expect({ path, status: response.status }).toEqual({ path, status });
    expect(SCHEMAS.refusal.parse(await response.json()).error).not.toBe('');
  }
});

test.each([
  ['/companies/plain', 'plain'],
  ['/companies/a%2Fb', 'a/b'],
  ['/companies?id=..', '..'],
  ['/companies?id=.&scope=instance', '.'],
])('%s asks for the company %j', async (path, companyId) => {
  const cannotTell = (asked: string) =>
    Promise.resolve({ kind: 'cannot-tell' as const, reasons: [`asked for ${asked}`] });
  const companies = { find: cannotTell, findHere: cannotTell } as Partial<CompanyDirectory> as CompanyDirectory;
  inspection = { companies } as Inspection;
  const { error } = SCHEMAS.refusal.parse(await (await get(path)).json());
  expect(error).toMatch(new RegExp(`: asked for ${companyId.replaceAll('.', '\\.')}$`));
});

test.each([
  [{ kind: 'present' as const }, 204, ''],
  [{ kind: 'absent' as const, partitions: [0, 4] }, 404, '{"partitions":[0,4]}'],
])('a member that asks only whether a company is here is answered, if it is %p, %d', async (presence, status, body) => {
  const hasHere = () => Promise.resolve(presence);
  inspection = { companies: { hasHere } as Partial<CompanyDirectory> } as Inspection;
  for (const path of ['/companies/acme?scope=instance&explain=no', '/companies?id=acme&scope=instance&explain=no']) {
    const response = await get(path);
    expect([response.status, await response.text()]).toEqual([status, body]);
  }
});

test('a client is told to ask again if the store is closed while it is read', async () => {
  const find = () => Promise.reject(new StoreUnavailableError('partition-4 is closed'));
  inspection = { companies: { find } as Partial<CompanyDirectory> } as Inspection;
  const { status, headers } = await get('/companies/acme');
  expect([status, headers.get('retry-after')]).toEqual([503, '1']);
});

test('a client that asks too often is told to wait', async () => {
  const answers = await Promise.all(Array.from({ length: 120 }, () => get('/partitions')));
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(0);
  expect(refused[0]?.headers.get('retry-after')).not.toBeNull();
});

test('no more than 16 answers are made for one address at a time, and it is told when to ask again', async () => {
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  let asked = 0;
  let most = 0;
  const find = async (): Promise<Found> => {
    most = Math.max(most, ++asked);
    await ended;
    asked--;
    return { kind: 'nowhere', explanation: explainUnknown('acme', null) };
  };
  inspection = { companies: { find } as Partial<CompanyDirectory> } as Inspection;
  let refused = 0;
  const answers = Array.from({ length: 40 }, async () => {
    const { status, headers } = await get('/companies/acme');
    if (status === 503 && ++refused === 24) end();
    return [status, headers.get('retry-after')];
  });
  const expected = Array.from({ length: 40 }, (_, i) => (i < 16 ? [404, null] : [503, '1']));
  expect((await Promise.all(answers)).sort()).toEqual(expected);
  expect(most).toBe(16);
  expect((await get('/companies/acme')).status).toBe(404);
});

test('the page needs no token, has no data, and allows only its own script', async () => {
  for (const path of ['/', '/page.js', '/page.css', '/icon.svg']) {
    const response = await get(path, null);
    expect({ path, status: response.status }).toEqual({ path, status: 200 });
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'");
  }
  expect((await get('/partitions', null)).status).toBe(401);
});

test('the API document is valid OpenAPI 3.1', async () => {
  // The package has only an ES module, which Jest's loader cannot load. So Node itself runs the check.
  const check = `
    import { Validator } from '@seriousme/openapi-schema-validator';
    console.log(JSON.stringify(await new Validator().validate(${JSON.stringify(openApiDocument())})));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', check], { encoding: 'utf8' });
  expect({ stderr, result: JSON.parse(stdout) as object }).toEqual({ stderr: '', result: { valid: true } });
  expect(await (await get('/openapi.json')).json()).toEqual(openApiDocument());
});

test('docs/openapi.json is what an instance serves: npm run docs:openapi writes it', async () => {
  const written = JSON.parse(readFileSync(join(__dirname, '..', '..', '..', 'docs', 'openapi.json'), 'utf8')) as object;
  expect(await (await get('/openapi.json')).json()).toEqual(written);
});
