/**
 * The HTTP port under attack. Times, connections, bytes and tries are limited, and other clients are served meanwhile.
 */
import { connect, type Socket } from 'node:net';
import { EventEmitter, once } from 'node:events';
import { request, type Server } from 'node:http';
import { join } from 'node:path';
import rateLimit from '@fastify/rate-limit';
import { fastify } from 'fastify';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { systemClock } from '../../../src/lib/system-clock.js';
import { INSPECTION_LIMIT } from '../../../src/ops/company-routes.js';
import { DependencyWatch } from '../../../src/ops/dependency-watch.js';
import { FailureWatch } from '../../../src/ops/failure-watch.js';
import { limitConnections, MAX_CONNECTIONS_PER_ADDRESS } from '../../../src/ops/http-limits.js';
import { startHttpServer, type HttpServer } from '../../../src/ops/http-server.js';
import { MEMBER_SCHEME, MemberProofs } from '../../../src/ops/member-proof.js';
import { PartitionFigures } from '../../../src/ops/partition-figures.js';
import { MAX_WRONG_TOKENS, WRONG_TOKENS_WINDOW_MS } from '../../../src/ops/wrong-tokens.js';

const PAGE = join(__dirname, '..', '..', '..', 'page');
const TOKEN = 'right-token';
const NOBODY = { brokers: () => Promise.resolve(), 'schema-registry': () => Promise.resolve() };
/** Another address of this machine. */
const NEIGHBOUR = '127.0.0.2';

let server: HttpServer;
let registry: Registry;
let nowMs = Date.now();
const clock = { now: () => nowMs };

async function serve(tokens: readonly string[], host = '127.0.0.1', allowedHosts: readonly string[] = []) {
  const view = {
    starting: () => null,
    partitions: () => new Map(),
    inspection: () => null,
    figures: new PartitionFigures(() => 0),
    failures: new FailureWatch(() => systemClock.now()),
    dependencies: new DependencyWatch({ clock: systemClock, logger: pino({ level: 'silent' }), ask: NOBODY }),
  };
  const access = { host, tokens, allowedHosts, clock, proofs: new MemberProofs(tokens, clock) };
  registry = new Registry();
  server = await startHttpServer({ ...access, port: 0 }, view, registry, PAGE);
}
afterEach(() => server.close());

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly from?: string;
  readonly body?: string;
}
interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

function ask(path: string, { method = 'GET', headers = {}, from = '127.0.0.1', body }: Asked = {}): Promise<Answered> {
  const { hostname, port } = new URL(server.address);
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path, method, headers, localAddress: from }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response;
        resolve({ status, headers, body: Buffer.concat(chunks).toString() });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

function open(from = '127.0.0.1'): Socket {
  const { hostname, port } = new URL(server.advertisedAddress);
  const socket = connect({ host: hostname, port: Number(port), localAddress: from });
  socket.on('error', () => undefined);
  return socket;
}

/** Everything that the server sends until it closes the connection. */
async function untilClosed(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}

describe('with a token', () => {
  beforeEach(() => serve([TOKEN, 'former-token']));

  test('headers that do not end, bodies that do not come and silent connections are closed', async () => {
    const begun = performance.now();
    const [half, silent] = [open(), open()];
    half.write('GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ');
    const drip = setInterval(() => half.write('x'), 200);
    const answers = await Promise.all([half, silent].map(untilClosed));
    clearInterval(drip);
    expect(answers[0]).toMatch(/^HTTP\/1.1 408 .*x-content-type-options: nosniff/s);
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  test('one address cannot take all connections', async () => {
    const sockets = Array.from({ length: MAX_CONNECTIONS_PER_ADDRESS }, () => open());
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    expect(await untilClosed(open())).toBe('');
    expect((await ask('/livez', { from: NEIGHBOUR })).status).toBe(200);
    for (const socket of sockets) socket.destroy();
    await Promise.all(sockets.map((socket) => once(socket, 'close')));
  });

  test('one machine cannot take all connections by its many addresses of an IPv6 network', () => {
    const counted = new EventEmitter();
    limitConnections(counted as Server);
    const refused = (remoteAddress: string): boolean => {
      const socket = Object.assign(new EventEmitter(), { remoteAddress, destroy: jest.fn() });
      counted.emit('connection', socket);
      return socket.destroy.mock.calls.length > 0;
    };
    for (let i = 0; i < MAX_CONNECTIONS_PER_ADDRESS; i++) expect(refused(`2001:db8:1:2::${i}`)).toBe(false);
    expect(refused('2001:db8:1:2:a:b:c:d')).toBe(true);
    expect(refused('2001:db8:1:3::1')).toBe(false);
    expect(refused('::ffff:10.0.0.7')).toBe(false);
  });

  test('the rate of requests is limited for all addresses of an IPv6 network together', async () => {
    const limited = fastify({ trustProxy: true });
    await limited.register(rateLimit, { global: false });
    limited.get('/', { config: { rateLimit: INSPECTION_LIMIT } }, () => 'answer');
    const address = await limited.listen({ host: '127.0.0.1', port: 0 });
    const statusFor = async (ip: string) => (await fetch(address, { headers: { 'x-forwarded-for': ip } })).status;
    for (let i = 0; i < INSPECTION_LIMIT.max; i++) expect(await statusFor(`2001:db8:1:2::${i}`)).toBe(200);
    expect(await statusFor('2001:db8:1:2:a:b:c:d')).toBe(429);
    expect(await statusFor('2001:db8:1:3::1')).toBe(200);
    await limited.close();
  });

  test('a client that sends requests without waiting gets at most one answer, and others are served', async () => {
    const one = 'GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
    const sockets = Array.from({ length: 20 }, () => open());
    const closed = sockets.map(untilClosed);
    for (const socket of sockets) socket.write(one.repeat(1_500));
    expect((await ask('/livez', { from: NEIGHBOUR })).status).toBe(200);
    for (const answers of await Promise.all(closed))
      expect(answers.split('HTTP/1.1 ').length - 1).toBeLessThanOrEqual(1);
  });

  test('an expectation is ignored, whatever it is', async () => {
    for (const expect_ of ['100-continue', 'x']) {
      const { status, headers } = await ask('/livez', { headers: { expect: expect_ } });
      expect([status, headers['x-content-type-options']]).toEqual([200, 'nosniff']);
    }
  });

  test('the text of the metrics is built once for many requests at the same time', async () => {
    const made = jest.spyOn(registry, 'metrics');
    await Promise.all(Array.from({ length: 100 }, () => ask('/metrics')));
    expect(made.mock.calls.length).toBeLessThan(50);
  });

  test('requests that follow each other on one connection are all answered', async () => {
    const socket = open();
    const answered = untilClosed(socket);
    for (let i = 0; i < 50; i++) {
      const answer = once(socket, 'data');
      socket.write(`GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n${i === 49 ? 'Connection: close\r\n' : ''}\r\n`);
      await answer;
    }
    expect((await answered).split('HTTP/1.1 200').length - 1).toBe(50);
  });

  test('several addresses together cannot take more than 512 connections', async () => {
    const sockets = [1, 2, 3, 4].flatMap((last) =>
      Array.from({ length: MAX_CONNECTIONS_PER_ADDRESS }, () => open(`127.0.0.${last}`)),
    );
    expect(sockets).toHaveLength(512);
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    expect(await untilClosed(open('127.0.0.5'))).toBe('');
    for (const socket of sockets) socket.destroy();
    await Promise.all(sockets.map((socket) => once(socket, 'close')));
    expect((await ask('/livez', { from: '127.0.0.5' })).status).toBe(200);
  });

  test('after 10,000 wrong tokens even the right one is refused, and other addresses are not affected', async () => {
    const counts = new Map<number, number>();
    for (let i = 0; i < 100; i++)
      for (const { status } of await Promise.all(
        Array.from({ length: 100 }, (_, j) => ask('/partitions', { headers: bearer(`${i}-${j}`) })),
      ))
        counts.set(status, (counts.get(status) ?? 0) + 1);
    expect(counts.get(401)).toBeLessThanOrEqual(MAX_WRONG_TOKENS);
    expect(counts.get(429)).toBe(10_000 - (counts.get(401) ?? 0));
    const right = { headers: bearer(TOKEN) };
    const locked = await ask('/partitions', right);
    expect([locked.status, Number(locked.headers['retry-after'])]).toEqual([429, WRONG_TOKENS_WINDOW_MS / 1_000]);
    expect((await ask('/partitions', { ...right, from: NEIGHBOUR })).status).toBe(200);
    expect((await ask('/livez')).status).toBe(200);
    nowMs += WRONG_TOKENS_WINDOW_MS;
    expect((await ask('/partitions', right)).status).toBe(200);
  }, 60_000);

  test('a proof is accepted once, only for its address and target, whatever others at the same address do', async () => {
    for (let i = 0; i <= MAX_WRONG_TOKENS; i++) await ask('/partitions', { headers: bearer('wrong') });
    const asked = { method: 'GET', address: server.advertisedAddress, target: '/partitions?x=1' };
    const proofOf = (other: Partial<typeof asked> = {}, tokens = [TOKEN], aheadMs = 0) =>
      new MemberProofs(tokens, { now: () => nowMs + aheadMs }).of({ ...asked, ...other }) ?? '';
    const status = async (authorization: string) =>
      (await ask(asked.target, { headers: { authorization }, from: NEIGHBOUR })).status;
    const proof = proofOf();
    expect(proof).not.toContain(TOKEN);
    expect((await ask(asked.target, { headers: { authorization: proof } })).status).toBe(200);
    expect(await status(proof)).toBe(401);
    expect(await status(proofOf({}, ['former-token']))).toBe(200);
    expect(await status(proofOf({}, [TOKEN], 29_000))).toBe(200);
    for (const refused of [
      proofOf({}, ['other-token']),
      proofOf({ address: 'http://127.0.0.1:1' }),
      proofOf({ target: '/partitions' }),
      proofOf({ method: 'HEAD' }),
      proofOf({}, [TOKEN], 31_000),
      proofOf({}, [TOKEN], -31_000),
      `${MEMBER_SCHEME} 1.2.3`,
    ])
      expect(await status(refused)).toBe(401);
  });

  test('a member whose clock is wrong learns that, and does not count as one that guesses tokens', async () => {
    const asked = { method: 'GET', address: server.advertisedAddress, target: '/partitions' };
    const late = new MemberProofs([TOKEN], { now: () => nowMs - 60_000 });
    for (let i = 0; i <= MAX_WRONG_TOKENS; i++) {
      const answer = await ask('/partitions', { headers: { authorization: late.of(asked) ?? '' } });
      expect([answer.status, answer.body]).toEqual([401, expect.stringContaining('set the clocks of both machines')]);
    }
    expect((await ask('/partitions', { headers: bearer(TOKEN) })).status).toBe(200);
  });

  test('requests without a token are refused, and do not count as wrong tokens', async () => {
    for (let i = 0; i <= MAX_WRONG_TOKENS; i++) expect((await ask('/partitions')).status).toBe(401);
    expect((await ask('/partitions')).headers['www-authenticate']).toBe(`Bearer, ${MEMBER_SCHEME}`);
    expect((await ask('/partitions', { headers: bearer(TOKEN) })).status).toBe(200);
  });

  test('the scheme of the token is read in any case, and both tokens are accepted', async () => {
    for (const authorization of [`bearer ${TOKEN}`, `BEARER  ${TOKEN}`, 'Bearer former-token'])
      expect((await ask('/partitions', { headers: { authorization } })).status).toBe(200);
    for (const authorization of [TOKEN, `Basic ${TOKEN}`, `Bearer ${TOKEN},former-token`])
      expect((await ask('/partitions', { headers: { authorization } })).status).toBe(401);
  });

  test('huge headers are refused, and take no memory afterwards', async () => {
    const { status, headers } = await ask('/livez', { headers: { 'x-huge': 'x'.repeat(20_000) } });
    expect([status, headers['x-content-type-options']]).toEqual([431, 'nosniff']);
    expect((await ask(`/companies/${'x'.repeat(20_000)}`)).status).toBe(431);
  });

  test('only GET and HEAD are answered, and no body is read', async () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'])
      expect((await ask('/livez', { method, headers: bearer(TOKEN) })).status).toBe(405);
    expect((await ask('/livez', { method: 'HEAD' })).status).toBe(200);
    const endless = open();
    endless.write('POST /companies HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n');
    expect(await untilClosed(endless)).toMatch(/^HTTP\/1.1 405 /);
    const withBody = open();
    withBody.write('GET /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    expect(await untilClosed(withBody)).toMatch(/^HTTP\/1.1 413 /);
  });

  test('input that is not HTTP, and ids that are too long or badly encoded, are refused with an answer', async () => {
    const nonsense = open();
    nonsense.write('\u0016\u0003\u0001 nonsense\r\n\r\n');
    expect(await untilClosed(nonsense)).toMatch(/^HTTP\/1.1 400 .*nosniff/s);
    const headers = bearer(TOKEN);
    for (const [path, status] of [
      ['/companies/%E0%A4%A', 400],
      ['/companies/%zz', 400],
      [`/companies/${'x'.repeat(300)}`, 503],
      ['/companies?id=..', 503],
      ['/companies?id=%2e', 503],
    ] as const) {
      const answer = await ask(path, { headers });
      expect({ path, status: answer.status, isJson: typeof JSON.parse(answer.body) }).toEqual({
        path,
        status,
        isJson: 'object',
      });
    }
  });

  test('browsers must not guess the type of an answer, nor show it inside another page', async () => {
    for (const [path, asked] of [
      ['/livez', {}],
      ['/metrics', {}],
      ['/', {}],
      ['/page.js', {}],
      ['/partitions', {}],
      ['/nothing', { headers: bearer(TOKEN) }],
      ['/companies/%zz', { headers: bearer(TOKEN) }],
      ['/livez', { method: 'POST' }],
    ] as const) {
      const { headers } = await ask(path, asked);
      expect({ path, nosniff: headers['x-content-type-options'] }).toEqual({ path, nosniff: 'nosniff' });
      expect(headers['content-security-policy']).toMatch(/^default-src 'none'; .*frame-ancestors 'none'/);
    }
  });
});

describe('without a token', () => {
  const statusFor = async (path: string, host: string) => (await ask(path, { headers: { host } })).status;

  test('on loopback nothing is served to a name that an attacker made resolve to it', async () => {
    await serve([]);
    for (const path of ['/partitions', '/companies?state=held', '/', '/metrics', '/livez'])
      for (const host of ['evil.example', 'evil.example:8080', 'localhost.evil.example', '127.0.0.1.evil.example', '@'])
        expect({ path, host, status: await statusFor(path, host) }).toEqual({ path, host, status: 421 });
    for (const host of ['localhost', 'LOCALHOST:8080', 'localhost.', '127.0.0.1', '[::1]:8080', '10.0.0.7:1'])
      expect({ host, status: await statusFor('/partitions', host) }).toEqual({ host, status: 200 });
  });

  test('on other addresses probes and metrics are served to any name, the rest to names that are allowed', async () => {
    await serve([], '0.0.0.0', ['company-sync.internal']);
    expect(await statusFor('/metrics', 'company-sync-0.company-sync:8080')).toBe(200);
    expect(await statusFor('/livez', 'evil.example')).toBe(200);
    expect(await statusFor('/partitions', 'evil.example')).toBe(421);
    expect(await statusFor('/partitions', 'Company-Sync.internal:8080')).toBe(200);
  });
});
