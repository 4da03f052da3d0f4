/** What another member of the group can do to an instance that asks it: only answer, within limits. */
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { explainUnknown } from '../../../src/domain/explain.js';
import { instanceAddress } from '../../../src/lib/instance-address.js';
import { systemClock } from '../../../src/lib/system-clock.js';
import { InstanceClient, InstanceError } from '../../../src/ops/instance-client.js';
import { MEMBER_SCHEME, MemberProofs } from '../../../src/ops/member-proof.js';

const TOKEN = 'shared-token';
const EXPLANATION = explainUnknown('acme', null);

const servers: Server[] = [];
let members: string[] = [];
const client = new InstanceClient(new MemberProofs([TOKEN], systemClock), () => Promise.resolve(members));

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
  expect(await client.has(other.address, companyId)).toEqual({ has: false });
  const separator = target.includes('?') ? '&' : '?';
  expect(other.asked.map(({ url }) => url)).toEqual([target, `${target}${separator}scope=instance`]);
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

test('several long answers share one budget', async () => {
  const block = Buffer.alloc(15_000_000, ' ');
  const other = await member((_request, response) => void response.write(block));
  const answers = await Promise.allSettled(Array.from({ length: 6 }, () => client.explanation(other.address, 'acme')));
  const reasons = answers.map((answer) => String((answer as PromiseRejectedResult).reason));
  expect(reasons.filter((reason) => reason.includes('together')).length).toBeGreaterThanOrEqual(4);
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
  await expect(client.partitions(other.address)).rejects.toThrow(InstanceError);
  await expect(client.standbyPositions(other.address)).rejects.toThrow(InstanceError);
  await expect(client.list(other.address, 'held', 1)).rejects.toThrow(InstanceError);
});

test('a company without a dated record does not remove the other companies from a list', async () => {
  const facts = { partition: 0, datasets: 1, unfinished: 1, unsealedLinks: 0, holds: 1, stalled: false };
  const list = { companies: [{ companyId: 'acme', ...facts, lastProgress: null }], count: 1, complete: true };
  const other = await member(json(list));
  expect(await client.list(other.address, 'held', 1)).toEqual(list);
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
  await expect(client.partitions(other.address)).rejects.toThrow(InstanceError);
  expect(performance.now() - began).toBeLessThan(3_000);
  expect(process.memoryUsage().rss - before).toBeLessThan(400_000_000);
});

test('fields that a later release adds are accepted', async () => {
  const other = await member(json({ ...EXPLANATION, later: { field: 1 } }, 404));
  expect(await client.explanation(other.address, 'acme')).toMatchObject({ later: { field: 1 } });
});

test('an older release, which needs the token itself, is reported as such; a different token is reported otherwise', async () => {
  const refusal = { error: 'a bearer token is required' };
  const older = await member(json(refusal, 401, { 'www-authenticate': 'Bearer' }));
  const other = await member(json(refusal, 401, { 'www-authenticate': `Bearer, ${MEMBER_SCHEME}` }));
  await expect(client.partitions(older.address)).rejects.toThrow('it runs an older release');
  expect(await client.has(older.address, 'acme')).toEqual({
    unknownBecause: expect.stringContaining('older release') as string,
  });
  await expect(client.partitions(other.address)).rejects.toThrow('does not accept our HTTP_TOKEN');
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
  await expect(client.partitions(other.address)).rejects.toThrow(
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
    return client.partitions(other.address);
  };

  expect(await answered(`[{${members(1_000)}},{"${'k'.repeat(1_024)}":0}]`)).toEqual([]);
  await expect(answered(`{${members(1_001)}}`)).rejects.toThrow('an object has more than 1000 members');
  await expect(answered(`{"${'k'.repeat(1_025)}":0}`)).rejects.toThrow('a key has more than 1024 characters');
  await expect(answered(`[${objects.join(',')}]`)).rejects.toThrow(
    'its objects have more than 300000 members together',
  );
});
