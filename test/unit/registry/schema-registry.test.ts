/** A registry with endless answers counts as an outage, within limits of time and memory. */
import { createServer, type RequestListener, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { UnusableSchema } from '../../../src/avro/schema.js';
import { RegistryUnavailableError } from '../../../src/decode/schema-source.js';
import { SchemaRefusedError, SchemaRegistry } from '../../../src/registry/schema-registry.js';
import { schemaById } from '../../../testkit/schema-source.js';

const SCHEMA = { type: 'record', name: 'Any', fields: [] };

/** Long enough to be hidden. */
const PASSWORD = 'hunter2hunter2';

let server: Server;
afterEach(async () => {
  if (!server.listening) return;
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function registryThat(answer: RequestListener, timeoutMs?: number): Promise<SchemaRegistry> {
  server = createServer(answer);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return new SchemaRegistry({ url, credentials: { username: 'user', password: PASSWORD } }, timeoutMs);
}

test('an endless answer is cut off', async () => {
  let sent = 0;
  const block = Buffer.alloc(1_000_000, ' ');
  const registry = await registryThat((_request, response) => {
    const send = () => response.write(block, (error) => (error ? undefined : ((sent += block.length), send())));
    send();
  });
  expect(await schemaById(registry, 1)).toMatchObject({ why: 'the schema has more than 1048576 bytes' });
  expect(sent).toBeLessThan(20_000_000);
});

test('an endless answer to a registration is cut off', async () => {
  let sent = 0;
  const block = Buffer.alloc(1_000_000, ' ');
  const registry = await registryThat(({ method }, response) => {
    if (method === 'PUT') return void response.end('{"compatibility":"BACKWARD_TRANSITIVE"}');
    const send = () => response.write(block, (error) => (error ? undefined : ((sent += block.length), send())));
    send();
  });
  await expect(registry.register('s', SCHEMA)).rejects.toThrow('with 200: more than 1048576 bytes');
  expect(sent).toBeLessThan(20_000_000);
});

test.each(['7.5', '-1', '4294967303', '1e300'])('%s is refused as the id of a schema', async (id) => {
  const registry = await registryThat((_request, response) => void response.end(`{"id":${id}}`));
  await expect(registry.idOf('s', SCHEMA)).rejects.toThrow(/with the id \S+, which is not a whole number from 0/);
  await expect(registry.idOfFirstVersion('s')).rejects.toThrow(RegistryUnavailableError);
});

test('a password that is a word of a schema changes nothing in the schema', async () => {
  const schema = { type: 'record', name: PASSWORD, fields: [] };
  const registry = await registryThat((_request, response) => {
    response.end(JSON.stringify({ schema: JSON.stringify(schema) }));
  });
  expect(await schemaById(registry, 1)).toEqual(schema);
});

test.each([409, 422])('a schema that the registry refuses with a %d is refused with its message', async (status) => {
  const registry = await registryThat(({ method }, response) => {
    if (method === 'PUT') return void response.end('{"compatibility":"BACKWARD_TRANSITIVE"}');
    response.writeHead(status).end('{"message":"field clientId is gone"}');
  });
  await expect(registry.register('s', SCHEMA)).rejects.toThrow(SchemaRefusedError);
  await expect(registry.register('s', SCHEMA)).rejects.toThrow('field clientId is gone');
});

test('an answer that comes byte by byte is given up after the time limit of the request', async () => {
  const registry = await registryThat((_request, response) => {
    const drip = setInterval(() => response.write(' '), 20);
    response.on('close', () => clearInterval(drip));
  }, 300);
  await expect(schemaById(registry, 1)).rejects.toThrow(RegistryUnavailableError);
});

test('the text of the registry is cut to the length of a message', async () => {
  const body = JSON.stringify({ message: 'x'.repeat(1_000_000) });
  const registry = await registryThat((_request, response) => response.writeHead(500).end(body));
  const error = await schemaById(registry, 1).catch((error: unknown) => error as Error);
  expect((error as Error).message.length).toBeLessThan(3_000);
});

test('a secret that a registry repeats is hidden, however its JSON is escaped', async () => {
  const registry = await registryThat(({ headers }, response) =>
    response.writeHead(401).end(`{"message":"refused ${(headers.authorization ?? '').replaceAll('Z', '\\u005a')}"}`),
  );
  const refused = schemaById(registry, 1);
  await expect(refused).rejects.toThrow('refused Basic ***');
});

test.each<[string, (repeated: string) => [number, object]]>([
  ['a refusal', (message) => [422, { message }]],
  ['the reasons of a refusal', (reason) => [200, { is_compatible: false, messages: Array(1_000).fill(reason) }]],
])('%s to a check is cut, and secrets in it are hidden', async (_, answer) => {
  const registry = await registryThat(({ headers }, response) => {
    const [status, body] = answer(`refused ${headers.authorization ?? ''} ${'x'.repeat(3_000)}`);
    response.writeHead(status).end(JSON.stringify(body));
  });
  const checked = await registry.check('s', SCHEMA);
  const reasons = checked.compatible ? [] : checked.reasons;
  expect(reasons[0]).toMatch(/^refused Basic \*\*\* x+$/);
  expect(Math.max(...reasons.map(({ length }) => length))).toBeLessThanOrEqual(2_000);
  expect(reasons.length).toBeLessThanOrEqual(21);
});

test('the type of a schema that is not Avro is cut', async () => {
  const answer = JSON.stringify({ schema: '', schemaType: 'x'.repeat(3_000) });
  const registry = await registryThat((_request, response) => response.end(answer));
  const { why } = (await schemaById(registry, 1)) as UnusableSchema;
  expect(why.length).toBeLessThan(2_100);
});

test('a schema whose metadata exceed the limits of an answer is unusable, so its records do not wait', async () => {
  const properties = Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`p${i}`, '']));
  const answer = JSON.stringify({ schema: JSON.stringify(SCHEMA), metadata: { properties } });
  const registry = await registryThat((_request, response) => response.end(answer));
  expect(await schemaById(registry, 1)).toMatchObject({ why: expect.stringContaining('1000 members') as string });
});

test('a schema that is nested too deeply is unusable, and so is an answer of such depth', async () => {
  const types = 20_000;
  const schema = `${'{"type":"array","items":'.repeat(types)}"null"${'}'.repeat(types)}`;
  const registry = await registryThat(({ url }, response) =>
    response.end(url === '/schemas/ids/1' ? JSON.stringify({ schema }) : `{"x":${schema},"schema":"null"}`),
  );
  const unusable = await schemaById(registry, 1);
  expect(unusable).toEqual(
    new UnusableSchema('the text of the schema is not usable: it nests more than 1000 lists and objects'),
  );
  expect(await schemaById(registry, 2)).toMatchObject({
    why: expect.stringContaining('nests more than 1000') as string,
  });
});

test('a page of a proxy, however odd, is an outage', async () => {
  const registry = await registryThat((_request, response) => response.end(`<p>${'a: '.repeat(2_000)}</p>`));
  await expect(schemaById(registry, 1)).rejects.toThrow(RegistryUnavailableError);
});

test('a schema of very many attributes or of long keys is unusable', async () => {
  const attributes = Array.from({ length: 1_001 }, (_, i) => `"a${i}":0`).join(',');
  const registry = await registryThat(({ url }, response) => {
    const schema = url === '/schemas/ids/1' ? `{"type":"string",${attributes}}` : `{"${'k'.repeat(1_025)}":0}`;
    response.end(JSON.stringify({ schema }));
  });
  const unusable = (why: string) => new UnusableSchema(`the text of the schema is not usable: ${why}`);
  expect(await schemaById(registry, 1)).toEqual(unusable('an object has more than 1000 members'));
  expect(await schemaById(registry, 2)).toEqual(unusable('a key has more than 1024 characters'));
});

test('brackets in texts do not count as depth', async () => {
  const schema = { ...SCHEMA, doc: `${'['.repeat(100_000)}"{\\` };
  const registry = await registryThat((_request, response) =>
    response.end(JSON.stringify({ schema: JSON.stringify(schema) })),
  );
  expect(await schemaById(registry, 1)).toEqual(schema);
});

test.each<[string, RequestListener]>([
  ['a redirect to nowhere', (_request, response) => response.writeHead(302, { location: 'http://[' }).end()],
  ['an answer that is cut off', (_request, response) => response.writeHead(200).write('{', () => response.destroy())],
  [
    'an answer that is not gzip',
    (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
  ],
  ['no HTTP', ({ socket }) => socket.end('no HTTP\r\n')],
])('%s is an outage', async (_what, answer) => {
  const registry = await registryThat(answer);
  await expect(schemaById(registry, 1)).rejects.toThrow(RegistryUnavailableError);
});

test('a fault of this program is not an outage', async () => {
  const registry = new SchemaRegistry({ url: 'this is not a URL', credentials: null });
  await expect(schemaById(registry, 1)).rejects.toMatchObject({ name: 'TypeError' });
});

test('large schemas are looked up one at a time, however many partitions ask; usual ones do not wait for them', async () => {
  const large = JSON.stringify({ schema: JSON.stringify({ ...SCHEMA, doc: 'x'.repeat(500_000) }) });
  const usual = JSON.stringify({ schema: JSON.stringify(SCHEMA) });
  const found = new Set<string>();
  let underWay = 0;
  let most = 0;
  const registry = await registryThat(({ url = '' }, response) => {
    if (url === '/schemas/ids/1') return void response.end(usual);
    // The first answer is not read to its end.
    if (!found.has(url)) return void (found.add(url), response.end(large));
    most = Math.max(most, ++underWay);
    setTimeout(() => {
      underWay--;
      response.end(large);
    }, 20);
  });
  const order: string[] = [];
  const lookUp = async (id: number, what: string) => {
    expect(await schemaById(registry, id)).toMatchObject(SCHEMA);
    order.push(what);
  };
  await Promise.all([...Array.from({ length: 30 }, (_, i) => lookUp(100 + i, 'large')), lookUp(1, 'usual')]);
  expect(most).toBe(1);
  expect(order.indexOf('usual')).toBeLessThan(25);
});

test.each([
  [429, '7', 7_000],
  [429, undefined, 1_000],
  [503, '86400', 60_000],
  [503, undefined, null],
  [500, '7', null],
])('an answer %d with Retry-After %s asks for a pause of %s ms', async (status, after, retryAfterMs) => {
  const registry = await registryThat((_request, response) => {
    if (after !== undefined) response.setHeader('retry-after', after);
    response.writeHead(status).end();
  });
  await expect(schemaById(registry, 1)).rejects.toMatchObject({ name: 'RegistryUnavailableError', retryAfterMs });
});
