/** What another member of the group can do to an instance that asks it: only answer, within limits. */
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { explainUnknown } from '../../../src/domain/explain.js';
import { MAX_TEXT_BYTES } from '../../../src/domain/limits.js';
import { MAX_CLAIMS } from '../../../src/kafka/group/member-messages.js';
import { printable } from '../../../src/lib/printable.js';
import { AnswerRoom } from '../../../src/ops/answer-room.js';
import { MAX_WHY_CHARACTERS } from '../../../src/ops/api-schemas.js';
import { withShortTexts } from '../../../src/ops/short-texts.js';
import { instanceAddress } from '../../../src/lib/instance-address.js';
import { systemClock } from '../../../src/lib/system-clock.js';
import {
  ANSWERS_IN_PROGRESS,
  InstanceClient,
  InstanceError,
  MAX_EXPLANATION_ANSWER_BYTES,
  MAX_LISTING_BYTES,
} from '../../../src/ops/instance-client.js';
import { MEMBER_SCHEME, MemberProofs } from '../../../src/ops/member-proof.js';
import type { ListedPartition } from '../../../src/ops/partition-figures.js';
import { MAX_LIST, type CompanyList } from '../../../src/ops/pending-lists.js';

const TOKEN = 'shared-token';
const EXPLANATION = explainUnknown('acme', null);

const servers: Server[] = [];
let members: string[] = [];
const client = new InstanceClient(new MemberProofs([TOKEN], systemClock), () => Promise.resolve(members));

/** The partitions or the list that a member answers with. */
async function partitionsOf(address: string, by = client): Promise<readonly ListedPartition[]> {
  let listed: readonly ListedPartition[] = [];
  await by.partitions(address, (partitions) => (listed = partitions));
  return listed;
}
async function listOf(address: string, limit = 1): Promise<CompanyList | null> {
  let listed: CompanyList | null = null;
  await client.list(address, 'held', limit, (list) => (listed = list));
  return listed;
}

interface Member {
  readonly address: string;
  readonly asked: IncomingMessage[];
}

/** An instance, or a server that pretends to be one. */
async function member(answer: RequestListener): Promise<Member> {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    answer(request, response);
  });
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  members.push(address);
  return { address, asked };
}

const json =
  (body: unknown, status = 200, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) =>
    response.writeHead(status, headers).end(JSON.stringify(body));

afterEach(async () => {
  members = [];
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

test('a member is sent a proof for itself, never the token', async () => {
  const other = await member(json(EXPLANATION, 404));
  expect(await client.explanation(other.address, 'acme')).toEqual(EXPLANATION);
  const [{ headers, url } = {}] = other.asked;
  expect(url).toBe('/companies/acme');
  expect(JSON.stringify(headers)).not.toContain(TOKEN);
  const proofs = new MemberProofs([TOKEN], systemClock);
  const asked = { method: 'GET', address: other.address, target: '/companies/acme' };
  expect(proofs.judge(headers?.authorization ?? '', asked)).toBe('accepted');
});

test.each([
  ['..', '/companies?id=..'],
  ['.', '/companies?id=.'],
  ['a/b?c', '/companies/a%2Fb%3Fc'],
])('a company called %s is asked for as %s', async (companyId, target) => {
  const other = await member(json(explainUnknown(companyId, null), 404));
  await client.explanation(other.address, companyId);
  expect(await client.has(other.address, companyId)).toEqual({ has: false, partitions: null });
  const separator = target.includes('?') ? '&' : '?';
  expect(other.asked.map(({ url }) => url)).toEqual([target, `${target}${separator}scope=instance&explain=no`]);
});

test.each([
  ['this', 204, null, { has: true }],
  ['the previous', 200, EXPLANATION, { has: true }],
  ['this', 404, { partitions: [0, 4] }, { has: false, partitions: [0, 4] }],
  ['the previous', 404, EXPLANATION, { has: false, partitions: null }],
])('a member of %s release that answers %d says whether it has the company', async (_, status, body, answer) => {
  const other = await member(json(body, status));
  expect(await client.has(other.address, 'acme')).toEqual(answer);
});

test('a redirect leads to a member, with the path that was asked for', async () => {
  const owner = await member(json(EXPLANATION, 404));
  const other = await member(json(null, 307, { location: `${owner.address}/admin/delete?all=1` }));
  await client.explanation(other.address, 'acme');
  expect(owner.asked.map(({ url }) => url)).toEqual(['/companies/acme']);
});

test('no request is sent to an address with more than host and port', async () => {
  const other = await member(json(EXPLANATION, 404));
  const hostAndPort = other.address.replace('http://', '');
  for (const address of [`${other.address}/admin?x=`, `http://user@${hostAndPort}`, `ftp://${hostAndPort}`])
    await expect(client.explanation(address, 'acme')).rejects.toThrow('is not the address of an instance');
  expect(other.asked).toEqual([]);
});

test('a redirect to elsewhere is not followed', async () => {
  const victim = await member(json(EXPLANATION));
  members = [];
  const other = await member(json(null, 307, { location: `${victim.address}/companies/acme` }));
  await expect(client.explanation(other.address, 'acme')).rejects.toThrow(
    `redirects to ${victim.address}, which is not a member of the group`,
  );
  expect(victim.asked).toEqual([]);
});

test('members that redirect to each other end in an error', async () => {
  const other = await member((_request, response) => response.writeHead(307, { location: '/' }).end());
  await expect(client.explanation(other.address, 'acme')).rejects.toThrow('redirect to each other');
  expect(other.asked.length).toBeLessThan(10);
});

test('an endless answer is cut off', async () => {
  let sent = 0;
  const block = Buffer.alloc(1_000_000, ' ');
  const other = await member((_request, response) => {
    const send = () => response.write(block, (error) => (error ? undefined : ((sent += block.length), send())));
    send();
  });
  await expect(client.explanation(other.address, 'acme')).rejects.toThrow(
    `the answer has more than ${16 * 1_024 * 1_024} bytes`,
  );
  expect(sent).toBeLessThan(40_000_000);
});

test('answers that do not fit together wait for each other, and none is refused', async () => {
  const explanation = JSON.stringify(EXPLANATION).padEnd(MAX_EXPLANATION_ANSWER_BYTES);
  const sent = new Set<string>();
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const others = await Promise.all(
    ['a', 'b', 'c', 'd'].map((name) =>
      member((_request, response) => {
        sent.add(name);
        response.writeHead(200, { 'content-length': explanation.length }).write(explanation.slice(0, -1));
        void released.then(() => response.end(explanation.slice(-1)));
      }),
    ),
  );
  const answers = others.map(({ address }) => client.explanation(address, 'acme'));
  while (sent.size < others.length) await nextTurn();
  release();
  for (const answer of await Promise.all(answers)) expect(answer.companyId).toBe('acme');
});

test('a member that answers slowly with large answers does not delay the answers of others', async () => {
  const slow = await member((_request, response) =>
    response.writeHead(200, { 'content-length': MAX_LISTING_BYTES }).write('{'),
  );
  const fast = await member(json({ partitions: [], note: 'x'.repeat(MAX_LISTING_BYTES - 100) }));
  const stuck = Array.from({ length: 8 }, () => partitionsOf(slow.address).catch((error: unknown) => error));
  while (slow.asked.length < stuck.length) await nextTurn();
  expect(await partitionsOf(fast.address)).toEqual([]);
  for (const server of servers) server.closeAllConnections();
  for (const end of await Promise.all(stuck)) expect(end).toBeInstanceOf(InstanceError);
});

test('an answer keeps its room until it has been used', async () => {
  const half = ANSWERS_IN_PROGRESS.total / 2 + 1;
  const room = new AnswerRoom({ total: ANSWERS_IN_PROGRESS.total, perAddress: ANSWERS_IN_PROGRESS.total });
  const signal = AbortSignal.timeout(60_000);
  let use: () => void = () => undefined;
  const first = room.hold(half, 'a', signal, () => new Promise<void>((resolve) => (use = resolve)));
  let began = false;
  const second = room.hold(half, 'b', signal, () => Promise.resolve((began = true)));
  await nextTurn();
  expect(began).toBe(false);
  const gaveUp = room.hold(half, 'c', AbortSignal.abort(new Error('late')), () => Promise.resolve());
  await expect(gaveUp).rejects.toThrow('late');
  use();
  await Promise.all([first, second]);
  expect(began).toBe(true);
});

test('a listing has its own limit, which the largest real listings do not reach', async () => {
  const other = await member((_request, response) => response.end(' '.repeat(MAX_LISTING_BYTES + 1)));
  await expect(partitionsOf(other.address)).rejects.toThrow(`the answer has more than ${MAX_LISTING_BYTES} bytes`);

  const why = 'connect ECONNREFUSED 10.0.0.7:9092; '.repeat(100);
  const restore = { position: 1e12, start: 1e12, end: 1e12, records: 1e12, bytes: 1e12, remainingMs: 1e9 };
  const failure = { failingSince: '2023-10-10T01:00:00.000Z', cause: why };
  const views = Array.from({ length: MAX_CLAIMS }, (_, partition) => ({
    partition,
    state: 'restoring',
    reason: why,
    position: 1e12,
    lag: 1e12,
    stale: false,
    recordsPerSecond: 100_000,
    restoredPercent: 99,
    restore,
    stateBytes: 1e12,
    ...failure,
  }));
  const failing = views.map(({ partition }) => ({ part: 'partition', partition, ...failure }));
  const listing = { partitions: withShortTexts(views), failing: withShortTexts(failing) };
  const crowded = await member(json(listing));
  expect(await partitionsOf(crowded.address)).toHaveLength(MAX_CLAIMS);

  const facts = { partition: 9_999, datasets: 10_000, unfinished: 10_000, unsealedLinks: 10_000, holds: 10_000 };
  const company = {
    companyId: '\u007f'.repeat(MAX_TEXT_BYTES),
    ...facts,
    stalled: false,
    lastProgress: failure.failingSince,
  };
  const list = { companies: Array.from({ length: MAX_LIST }, () => company), count: MAX_LIST, complete: true };
  const full = await member((_request, response) => response.end(printable(JSON.stringify(list))));
  expect(await listOf(full.address, MAX_LIST)).toEqual(list);
});

test('longer texts of a later release are cut, in any place, and make no answer a fault', async () => {
  const long = 'x'.repeat(100_000);
  const view = {
    partition: 0,
    state: 'running',
    reason: long,
    position: null,
    lag: null,
    recordsPerSecond: 0,
    restoredPercent: null,
  };
  const other = await member(json({ partitions: [view], starting: long, failing: [] }));
  const [listed] = await partitionsOf(other.address);
  expect(listed?.reason).toBe(`${'x'.repeat(MAX_WHY_CHARACTERS - 1)}…`);

  const dataset = { datasetId: long, latest: { status: long, offset: 1, since: '' } };
  const explained = await member(json({ ...EXPLANATION, sentence: long, notes: ['short', long], early: [dataset] }));
  const { sentence, notes, early } = await client.explanation(explained.address, 'acme');
  expect([sentence.length, notes.map(({ length }) => length)]).toEqual([10_000, [5, 10_000]]);
  expect([early[0]?.datasetId.length, early[0]?.latest.status.length]).toEqual([MAX_TEXT_BYTES, MAX_TEXT_BYTES]);
});

test('brackets and quotes in ids do not count as parts of the answer', async () => {
  const companyId = '"[{\\'.repeat(MAX_TEXT_BYTES / 4);
  const facts = {
    partition: 0,
    datasets: 1,
    unfinished: 1,
    unsealedLinks: 0,
    holds: 1,
    stalled: false,
    lastProgress: null,
  };
  const companies = Array.from({ length: MAX_LIST }, () => ({ companyId, ...facts }));
  const list = { companies, count: MAX_LIST, complete: true };
  const other = await member(json(list));
  expect(await listOf(other.address, MAX_LIST)).toEqual(list);
});

test.each([
  ['a list instead of an explanation', []],
  ['another type of a field', { ...EXPLANATION, holds: 'many' }],
  ['a missing field', { ...EXPLANATION, notes: undefined }],
  ['nothing', null],
])('%s is refused', async (_what, body) => {
  const other = await member(json(body));
  await expect(client.explanation(other.address, 'acme')).rejects.toThrow('does not answer in the expected format');
});

test('an explanation of another company is refused', async () => {
  const other = await member(json(EXPLANATION));
  await expect(client.explanation(other.address, 'globex')).rejects.toThrow('answers about another company');
});

test('partitions and lists are checked too', async () => {
  const other = await member(json({ partitions: [{ partition: -1 }], companies: [{}] }));
  await expect(partitionsOf(other.address)).rejects.toThrow(InstanceError);
  await expect(client.standbyPositions(other.address)).rejects.toThrow(InstanceError);
  await expect(listOf(other.address)).rejects.toThrow(InstanceError);
});

test('a company without a dated record does not remove the other companies from a list', async () => {
  const facts = { partition: 0, datasets: 1, unfinished: 1, unsealedLinks: 0, holds: 1, stalled: false };
  const list = { companies: [{ companyId: 'acme', ...facts, lastProgress: null }], count: 1, complete: true };
  const other = await member(json(list));
  expect(await listOf(other.address)).toEqual(list);
});

test.each([
  ['numbers', '0'],
  ['empty objects', '{}'],
  ['lists inside of each other', '['],
])('an answer of millions of %s is refused at once', async (_what, item) => {
  const body = `{"partitions":[${`${item},`.repeat(15_000_000 / (item.length + 1))}0]}`;
  const other = await member((_request, response) => response.end(body));
  const began = performance.now();
  const before = process.memoryUsage().rss;
  await expect(partitionsOf(other.address)).rejects.toThrow(InstanceError);
  expect(performance.now() - began).toBeLessThan(3_000);
  expect(process.memoryUsage().rss - before).toBeLessThan(400_000_000);
});

test('fields that a later release adds are no fault, and are left out', async () => {
  const asOf = { topic: 'sync-events', partition: 1, offset: 1 };
  const answer = { ...EXPLANATION, asOf };
  const other = await member(
    json({ ...answer, asOf: { ...asOf, later: 1 }, later: { field: 'x'.repeat(1_000) } }, 404),
  );
  expect(await client.explanation(other.address, 'acme')).toEqual(answer);
});

test('an older release, which needs the token itself, is reported as such; a different token is reported otherwise', async () => {
  const refusal = { error: 'a bearer token is required' };
  const older = await member(json(refusal, 401, { 'www-authenticate': 'Bearer' }));
  const other = await member(json(refusal, 401, { 'www-authenticate': `Bearer, ${MEMBER_SCHEME}` }));
  await expect(partitionsOf(older.address)).rejects.toThrow('it runs an older release');
  expect(await client.has(older.address, 'acme')).toEqual({
    unknownBecause: expect.stringContaining('older release') as string,
  });
  await expect(partitionsOf(other.address)).rejects.toThrow('does not accept our HTTP_TOKEN');
  expect(JSON.stringify(older.asked.map(({ headers }) => headers))).not.toContain(TOKEN);
});

test.each([
  ['http://10.0.0.1:8080', 'http://10.0.0.1:8080'],
  ['https://[::1]:1/', 'https://[::1]:1'],
  ['HTTP://Host:80', 'http://host'],
  ['http://user:pw@host:1', null],
  ['http://@host:1', null],
  ['http://host:1/admin', null],
  ['http://host:1?x', null],
  ['http://host:1#x', null],
  ['http://host:1\\@evil', null],
  ['http://ho\nst:1', null],
  ['file:///etc/passwd', null],
  ['gopher://host:1', null],
  [`http://${'a'.repeat(300)}`, null],
  ['', null],
])('a member that advertises %j is reached at %j', (advertised, address) => {
  expect(instanceAddress(advertised)).toBe(address);
});

test('an answer that is nested too deeply is refused', async () => {
  const deep = 100_000;
  const view = `{"partition":0,"state":"running","reason":null,"later":${'['.repeat(deep)}${']'.repeat(deep)}}`;
  const other = await member((_request, response) => response.end(`{"partitions":[${view}]}`));
  await expect(partitionsOf(other.address)).rejects.toThrow(
    `${other.address} gives no complete answer: it nests more than 1000 lists and objects`,
  );
});

test('an answer with very many keys, or with long keys, is refused before it is parsed', async () => {
  const members = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `"k${from + i}":0`).join(',');
  const objects = Array.from({ length: 301 }, (_, i) => `{${members(1_000, i * 1_000)}}`);
  let unknown = '';
  const other = await member((_request, response) => response.end(`{"partitions":[],"later":${unknown}}`));
  const answered = (later: string) => {
    unknown = later;
    return partitionsOf(other.address);
  };

  expect(await answered(`[{${members(1_000)}},{"${'k'.repeat(1_024)}":0}]`)).toEqual([]);
  await expect(answered(`{${members(1_001)}}`)).rejects.toThrow('an object has more than 1000 members');
  await expect(answered(`{"${'k'.repeat(1_025)}":0}`)).rejects.toThrow('a key has more than 1024 characters');
  await expect(answered(`[${objects.join(',')}]`)).rejects.toThrow(
    'its objects have more than 300000 members together',
  );
});

test.each([
  [429, '2', 2_000],
  [429, 'soon', null],
  [503, '2', null],
])('an instance that answers %i with retry-after %s asks for a pause of %p ms', async (status, after, retryAfterMs) => {
  const { address } = await member((_request, response) => {
    response.writeHead(status, { 'retry-after': after }).end('{"error":"later"}');
  });
  await expect(client.explanation(address, 'acme')).rejects.toMatchObject({ retryAfterMs });
});
