/** Clients that send requests and do not read the answers: the bytes of unsent answers are limited. */
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { request } from 'node:http';
import { join } from 'node:path';
import { pino } from 'pino';
import { Gauge, Registry } from 'prom-client';
import { systemClock } from '../../../src/lib/system-clock.js';
import { DependencyWatch } from '../../../src/ops/dependency-watch.js';
import { FailureWatch } from '../../../src/ops/failure-watch.js';
import { startHttpServer, type HttpServer } from '../../../src/ops/http-server.js';
import type { Inspection } from '../../../src/ops/inspection.js';
import { MemberProofs } from '../../../src/ops/member-proof.js';
import { PartitionFigures } from '../../../src/ops/partition-figures.js';
import { AddressShares } from '../../../src/ops/address-shares.js';
import { INSPECTION_UNSENT, OPEN_UNSENT } from '../../../src/ops/unsent-answers.js';

const NOBODY = { brokers: () => Promise.resolve(), 'schema-registry': () => Promise.resolve() };
/** More bytes than the sockets of this machine buffer. */
const ANSWER = { companies: [], note: 'x'.repeat(INSPECTION_UNSENT.perAddress / 2 - 1_000) };
const HOSTILE = ['127.0.0.2', '127.0.0.3', '127.0.0.4'] as const;

let server: HttpServer;
let made = 0;
let answer: object = ANSWER;
/** An answer is built once this has resolved. */
let answering: Promise<unknown> = Promise.resolve();
let registry: Registry;
const sockets: Socket[] = [];

beforeEach(async () => {
  made = 0;
  answer = ANSWER;
  answering = Promise.resolve();
  const listHere = () => {
    made++;
    return answering.then(() => answer);
  };
  const inspection = { deployment: { listHere, listEverywhere: listHere } } as unknown as Inspection;
  const view = {
    starting: () => null,
    partitions: () => new Map(),
    inspection: () => inspection,
    figures: new PartitionFigures(() => 0),
    failures: new FailureWatch(() => 0),
    dependencies: new DependencyWatch({ clock: systemClock, logger: pino({ level: 'silent' }), ask: NOBODY }),
  };
  const proofs = new MemberProofs([], systemClock);
  registry = new Registry();
  const access = { host: '127.0.0.1', tokens: [], allowedHosts: [], clock: systemClock, proofs, port: 0 };
  server = await startHttpServer(access, view, registry, join(__dirname, '..', '..', '..', 'page'));
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  return server.close();
});

function ask(path: string, from = '127.0.0.1'): Promise<{ readonly status: number; readonly retryAfter: unknown }> {
  const { hostname, port } = new URL(server.address);
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path, localAddress: from, agent: false }, (response) => {
      response.resume();
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'] }),
      );
    });
    asked.on('error', reject).end();
  });
}

/** Sends a request and reads at most the beginning of the answer. */
async function askAndRest(path: string, from: string): Promise<string> {
  const { hostname, port } = new URL(server.address);
  const socket = connect({ host: hostname, port: Number(port), localAddress: from });
  sockets.push(socket);
  socket.on('error', () => undefined).write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  const [first] = (await once(socket, 'data')) as [Buffer];
  socket.pause();
  return first.toString('latin1', 0, 12);
}

const LIST = '/companies?state=held';

test('one address has room for two large answers, and further ones are not built; others are answered', async () => {
  const [hostile] = HOSTILE;
  for (let i = 0; i < 2; i++) expect(await askAndRest(LIST, hostile)).toBe('HTTP/1.1 200');
  for (let i = 0; i < 5; i++) expect(await ask(LIST, hostile)).toEqual({ status: 503, retryAfter: '2' });
  expect(await ask(LIST)).toMatchObject({ status: 200 });
  expect((await ask('/readyz', hostile)).status).toBe(200);
});

test('all addresses together have a limit too, and read or aborted answers make room', async () => {
  for (const hostile of HOSTILE.slice(0, 2)) for (let i = 0; i < 2; i++) await askAndRest(LIST, hostile);
  expect(await ask(LIST, HOSTILE[2])).toEqual({ status: 503, retryAfter: '2' });
  expect(made).toBeLessThanOrEqual(5);
  for (const path of ['/livez', '/readyz', '/metrics']) expect((await ask(path)).status).toBe(200);
  const closed = sockets.map((socket) => once(socket, 'close'));
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(closed);
  for (let i = 0; i < 6; i++) {
    let status = 0;
    while (status !== 200) ({ status } = await ask(LIST, HOSTILE[2]));
  }
});

test('a client that has gone before its answer is built takes no room from later ones', async () => {
  for (let i = 0; i < 3; i++) {
    let build: (nothing?: unknown) => void = () => undefined;
    answering = new Promise((resolve) => (build = resolve));
    const before = made;
    const socket = connect(Number(new URL(server.address).port), '127.0.0.1');
    socket.on('error', () => undefined).write(`GET ${LIST} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
    while (made === before) await ask('/livez', HOSTILE[0]);
    socket.resetAndDestroy();
    await once(socket, 'close');
    for (let turn = 0; turn < 3; turn++) await ask('/livez', HOSTILE[0]); // the server has seen it by then
    build();
    expect((await ask(LIST)).status).toBe(200);
  }
});

test('unread metrics do not keep others from getting metrics', async () => {
  const help = 'y'.repeat(OPEN_UNSENT.perAddress - 100_000);
  new Gauge({ name: 'large', help, registers: [registry] }).set(1);
  expect(await askAndRest('/metrics', HOSTILE[0])).toBe('HTTP/1.1 200');
  const others = Array.from({ length: 3 }, () => askAndRest('/metrics', HOSTILE[0]));
  expect(await Promise.all(others)).toContain('HTTP/1.1 503');
  expect((await ask('/metrics')).status).toBe(200);
  expect((await ask('/livez', HOSTILE[0])).status).toBe(200);
});

/** A request that Node or the framework answers. */
const REQUESTS: Readonly<Record<string, string>> = {
  'usual requests': 'GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
  'unknown expectations': 'GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: x\r\n\r\n',
  'requests without a Host header': 'GET /livez HTTP/1.1\r\n\r\n',
  upgrades: 'GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
};

test.each(Object.keys(REQUESTS))('%s behind an unread answer close the connection', async (kind) => {
  await askAndRest(LIST, HOSTILE[0]);
  const [socket] = sockets as [Socket];
  const closed = once(socket, 'close');
  let received = '';
  socket.write(REQUESTS[kind]!.repeat(1_000));
  for (let turn = 0; turn < 5; turn++) await ask('/livez'); // the server has seen the requests by then
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1'))).resume();
  await closed;
  expect(received.length).toBeLessThan(JSON.stringify(ANSWER).length);
  expect(received).not.toContain('HTTP/1.1 ');
});

test('requests that do not wait for answers, on connections that are reset, take no room from later ones', async () => {
  const { hostname, port } = new URL(server.address);
  // If four were queued, Node would emit `close` only for the first two.
  answer = { companies: [], note: 'x'.repeat(INSPECTION_UNSENT.perAddress / 4 - 1_000) };
  for (let i = 0; i < 3; i++) {
    const socket = connect({ host: hostname, port: Number(port), localAddress: HOSTILE[0] });
    const closed = once(socket, 'close');
    socket.on('error', () => undefined).write(`GET ${LIST} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`.repeat(4));
    for (let turn = 0; turn < 20; turn++) await ask('/livez'); // the server has answered by then
    socket.resetAndDestroy();
    await closed;
  }
  answer = { companies: [], note: 'x'.repeat(INSPECTION_UNSENT.perAddress * 0.75) };
  expect((await ask(LIST, HOSTILE[0])).status).toBe(200);
});

test('an answer that alone exceeds the limit is refused, also if it is the first', async () => {
  const help = 'y'.repeat(OPEN_UNSENT.perAddress);
  new Gauge({ name: 'larger', help, registers: [registry] }).set(1);
  expect(await ask('/metrics')).toEqual({ status: 503, retryAfter: '2' });
});

test('the limits hold for the first amount too, and what is given back does not count', () => {
  const unsent = new AddressShares({ total: 100, perAddress: 50 });
  expect([unsent.hasRoomFor(50, 'a'), unsent.hasRoomFor(51, 'a')]).toEqual([true, false]);
  unsent.take(50, 'a');
  expect([unsent.hasRoomFor(1, 'a'), unsent.hasRoomFor(50, 'b')]).toEqual([false, true]);
  unsent.give(50, 'a');
  for (let i = 0; i < 3; i++) unsent.take(40, String(i));
  expect(unsent.hasRoomFor(10, 'b')).toBe(false);
  unsent.give(40, '0');
  expect([unsent.hasRoomFor(10, 'b'), unsent.hasRoomFor(11, '1'), unsent.hasRoomFor(10, '1')]).toEqual([
    ...[true, false, true],
  ]);
});
