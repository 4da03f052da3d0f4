/** The manners of the HTTP side, with nothing behind it: an instance that is starting. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { SCHEMAS } from '../../../src/ops/api-schemas.js';
import { FAILING_AFTER_MS, FailureWatch } from '../../../src/ops/failure-watch.js';
import { startHttpServer, type HttpServer } from '../../../src/ops/http-server.js';
import { openApiDocument } from '../../../src/ops/openapi.js';
import { ProgressBoard } from '../../../src/ops/progress-board.js';
import { MemberProofs } from '../../../src/ops/member-proof.js';
import { systemClock } from '../../../src/lib/system-clock.js';
import type { PartitionStatus } from '../../../src/pipeline/observer.js';

const PAGE = join(__dirname, '..', '..', '..', 'page');
const ACCESS = {
  ...{ host: '127.0.0.1', tokens: ['secret'], allowedHosts: [] },
  ...{ clock: systemClock, proofs: new MemberProofs(['secret'], systemClock) },
};
const STATUSES = new Map<number, PartitionStatus>([
  [0, { state: 'running', reason: null }],
  [1, { state: 'restoring', reason: 'changelog offsets 0 to 9' }],
]);

let server: HttpServer;
let statuses: Map<number, PartitionStatus>;
let starting: string | null;
let failures: FailureWatch;
let nowMs: number;

beforeEach(async () => {
  statuses = new Map();
  starting = null;
  nowMs = 0;
  failures = new FailureWatch(() => nowMs);
  const view = {
    startingBecause: () => starting,
    partitions: () => statuses,
    inspection: () => null,
    figures: new ProgressBoard(),
    failures,
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

test('an instance is ready when it is up and all of its partitions run, and says why where it is not', async () => {
  expect(await readiness()).toEqual({ status: 200, ready: true, unready: [], failing: [] });
  statuses = STATUSES;
  const unready = [{ partition: 1, state: 'restoring', reason: 'changelog offsets 0 to 9' }];
  expect(await readiness()).toEqual({ status: 503, ready: false, unready, failing: [] });
  statuses = new Map();
  starting = 'waiting for the brokers';
  expect(await readiness()).toEqual({ status: 503, ready: false, reason: starting, unready: [], failing: [] });
});

test('an instance is not ready while something fails again and again, also in the moments in which it runs', async () => {
  const failAndRun = async () => {
    failures.error(0, new Error('no space left'));
    nowMs += 5_000;
    failures.state(0, { state: 'running', reason: null });
    return readiness();
  };
  statuses = new Map([[0, { state: 'running', reason: null }]]);
  failures.state(0, { state: 'waiting', reason: null });
  while (nowMs < FAILING_AFTER_MS - 5_000) expect(await failAndRun()).toMatchObject({ status: 200, ready: true });
  const failing = [
    { part: 'partition', partition: 0, failingSince: '1970-01-01T00:00:00.000Z', cause: 'no space left' },
  ];
  expect(await failAndRun()).toEqual({ status: 503, ready: false, unready: [], failing });
});

test('what cannot be answered is refused in words', async () => {
  for (const [path, status] of [
    ['/companies/x', 503],
    ['/companies?state=held', 503],
    ['/companies/%E0%A4%A', 400],
    ['/nothing', 404],
  ] as const) {
    const response = await get(path);
    expect({ path, status: response.status }).toEqual({ path, status });
    expect(SCHEMAS.refusal.parse(await response.json()).error).not.toBe('');
  }
});

test('whoever asks too often is told to wait', async () => {
  const answers = await Promise.all(Array.from({ length: 120 }, () => get('/partitions')));
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(0);
  expect(refused[0]?.headers.get('retry-after')).not.toBeNull();
});

test('the page needs no token, has none of the data, and lets in no script but its own', async () => {
  for (const path of ['/', '/page.js', '/page.css', '/icon.svg']) {
    const response = await get(path, null);
    expect({ path, status: response.status }).toEqual({ path, status: 200 });
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'");
  }
  expect((await get('/partitions', null)).status).toBe(401);
});

test('the API document is valid OpenAPI 3.1', async () => {
  // An ES module alone, which Jest's own loader cannot load: it is checked by Node itself.
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
