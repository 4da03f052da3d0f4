import { randomUUID } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AvroReader } from '../../src/avro/avro-reader.js';
import { SchemaWithReferences, UnusableSchema } from '../../src/avro/schema.js';
import { RegistryUnavailableError } from '../../src/decode/schema-source.js';
import { SchemaRegistry } from '../../src/registry/schema-registry.js';
import { currentCluster } from '../support/current-cluster.js';
import { schemaById } from '../../testkit/schema-source.js';

const { registryUrl } = currentCluster();
const TIMEOUT_MS = 300;

function record(...fields: readonly object[]): object {
  return { type: 'record', name: 'Thing', namespace: 'test', fields };
}

const first = record({ name: 'id', type: 'string' });
const withDefault = record({ name: 'id', type: 'string' }, { name: 'size', type: 'int', default: 0 });
const withoutDefault = record({ name: 'id', type: 'string' }, { name: 'size', type: 'int' });

describe('a real registry', () => {
  const registry = new SchemaRegistry({ url: registryUrl, credentials: null });
  let subject: string;

  beforeEach(() => (subject = `test-${randomUUID()}-value`));

  test('returns a registered schema by id, and the id by subject and schema', async () => {
    const id = await registry.register(subject, first);
    expect(await schemaById(registry, id)).toEqual(first);
    expect(await registry.idOf(subject, first)).toBe(id);
    expect(await registry.register(subject, first)).toBe(id);
  });

  test('returns nothing for an unknown schema', async () => {
    expect(await schemaById(registry, 987_654_321)).toBeNull();
    expect(await registry.idOf(subject, first)).toBeNull();
    await registry.register(subject, first);
    expect(await registry.idOf(subject, withDefault)).toBeNull();
  });

  test('is distinguished from others by the id of a first version, which stays when the schema is upgraded', async () => {
    expect(await registry.idOfFirstVersion(subject)).toBeNull();
    const id = await registry.register(subject, first);
    await registry.register(subject, withDefault);
    expect(await registry.idOfFirstVersion(subject)).toBe(id);
  });

  test('accepts the next version only if it can read all former ones', async () => {
    await registry.register(subject, first);
    expect(await registry.check(subject, withDefault)).toEqual({ compatible: true });
    expect(await registry.check(subject, withoutDefault)).toMatchObject({ compatible: false });
    await registry.register(subject, withDefault);
    // Reads the latest version, but not the one before it.
    expect(await registry.check(subject, withoutDefault)).toMatchObject({ compatible: false });
    await expect(registry.register(subject, withoutDefault)).rejects.toThrow(/[Ii]ncompatible/);
    expect(await registry.idOf(subject, withoutDefault)).toBeNull();
  });

  test('a check of a new subject registers nothing', async () => {
    expect(await registry.check(subject, first)).toEqual({ compatible: true });
    expect(await (await fetch(`${registryUrl}/subjects`)).json()).not.toContain(subject);
  });

  test('the consent of a subject without a compatibility level does not count, until registering sets the level', async () => {
    await fetch(`${registryUrl}/subjects/${subject}/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ schema: JSON.stringify(first) }),
    });
    expect(await registry.check(subject, withDefault)).toEqual({
      compatible: false,
      reasons: [expect.stringContaining('not BACKWARD_TRANSITIVE')],
    });
    await registry.register(subject, withDefault);
    await expect(registry.register(subject, withoutDefault)).rejects.toThrow(/[Ii]ncompatible/);
  });
});

describe('a schema that uses types of other subjects', () => {
  const registry = new SchemaRegistry({ url: registryUrl, credentials: null });

  async function register(subject: string, schema: object, references: readonly object[] = []): Promise<number> {
    const response = await fetch(`${registryUrl}/subjects/${subject}/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ schema: JSON.stringify(schema), schemaType: 'AVRO', references }),
    });
    const body = (await response.json()) as { readonly id: number };
    expect([response.status, body]).toEqual([200, { id: expect.any(Number) as number }]);
    return body.id;
  }

  test('is returned with these types, and with the types that they use', async () => {
    const [name, inner, middle] = ['a', 'b', 'c'].map(() => `test-${randomUUID()}`) as [string, string, string];
    const record = (of: string, type: string) => ({ type: 'record', name: of, fields: [{ name: 'f', type }] });
    await register(inner, record('shared.Inner', 'int'));
    await register(middle, record('shared.Middle', 'shared.Inner'), [
      { name: 'shared.Inner', subject: inner, version: 1 },
    ]);
    const references = [{ name: 'shared.Middle', subject: middle, version: 1 }];
    const id = await register(name, record('Outer', 'shared.Middle'), references);

    const schema = await schemaById(registry, id);
    expect(schema).toBeInstanceOf(SchemaWithReferences);
    const reader = new AvroReader({
      ...record('Outer', ''),
      fields: [
        { name: 'f', type: { ...record('Middle', ''), fields: [{ name: 'f', type: record('Inner', 'long') }] } },
      ],
    });
    expect(reader.of(schema ?? {}).read(Buffer.from([0, 0, 0, 0, 1, 8]))).toEqual({ f: { f: { f: 4 } } });
  });
});

describe('an outage never counts as an answer', () => {
  let server: Server | undefined;

  afterEach(async () => {
    server?.closeAllConnections();
    await new Promise((resolve) => (server === undefined ? resolve(null) : server.close(resolve)));
    server = undefined;
  });

  async function answering(listener: RequestListener, patienceMs = TIMEOUT_MS): Promise<SchemaRegistry> {
    const listening = createServer(listener);
    server = listening;
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    const { port } = listening.address() as AddressInfo;
    return new SchemaRegistry({ url: `http://127.0.0.1:${port}`, credentials: null }, patienceMs);
  }

  function answer(status: number, body: string): RequestListener {
    return (_request, response) => response.writeHead(status).end(body);
  }

  test.each<[string, RequestListener]>([
    ['no answer in time', () => undefined],
    ['an answer that never ends', (_request, response) => void response.writeHead(200).write('{"schema":')],
    ['a connection that is cut', (request) => request.socket.destroy()],
    [
      'an answer that is cut',
      (_request, response) => {
        response.writeHead(200, { 'content-length': '100' }).write('{', () => response.destroy());
      },
    ],
    ['500', answer(500, '{"error_code":50001,"message":"store is gone"}')],
    ['503 in HTML', answer(503, '<html>come back later</html>')],
    ['404 of somebody else', answer(404, '<html>not here</html>')],
    ['404 without a code', answer(404, '{"message":"no route"}')],
    ['404 of a missing subject for an id', answer(404, '{"error_code":40401,"message":"Subject not found"}')],
    ['400', answer(400, '{"error_code":400}')],
    ['401', answer(401, '{"error_code":401,"message":"Unauthorized"}')],
    ['403', answer(403, '')],
    ['200 in HTML', answer(200, '<html>log in</html>')],
    ['200 without a schema', answer(200, '{"id":1}')],
    ['200 that is null', answer(200, 'null')],
    ['204', answer(204, '')],
  ])('%s', async (_what, listener) => {
    const registry = await answering(listener);
    await expect(schemaById(registry, 1)).rejects.toThrow(RegistryUnavailableError);
  });

  test('a refused connection', async () => {
    await answering(() => undefined);
    const { port } = server?.address() as AddressInfo;
    await new Promise((resolve) => server?.close(resolve));
    server = undefined;
    const registry = new SchemaRegistry({ url: `http://127.0.0.1:${port}`, credentials: null });
    await expect(schemaById(registry, 1)).rejects.toThrow(/does not answer.*ECONNREFUSED/);
    await expect(registry.idOf('s', first)).rejects.toThrow(RegistryUnavailableError);
    await expect(registry.check('s', first)).rejects.toThrow(RegistryUnavailableError);
    await expect(registry.register('s', first)).rejects.toThrow(RegistryUnavailableError);
  });

  test("a schema too large for a registry's record is an answer: it cannot be used", async () => {
    const large = answer(200, `{"schema":"${' '.repeat(5_000_000)}"}`);
    const schema = await schemaById(await answering(large, 10_000), 1);
    expect(schema).toEqual(new UnusableSchema(expect.stringMatching(/more than \d+ bytes/) as string));
  });

  test('a schema of another kind is an answer: it cannot be used', async () => {
    const schema = await schemaById(await answering(answer(200, '{"schema":"","schemaType":"PROTOBUF"}')), 1);
    expect(schema).toEqual(new UnusableSchema('the schema is not Avro but "PROTOBUF"'));
  });

  test('401 says what to check', async () => {
    const registry = await answering(answer(401, '{"message":"Unauthorized"}'));
    await expect(schemaById(registry, 1)).rejects.toThrow(/401: Unauthorized.*SCHEMA_REGISTRY_PASSWORD/);
  });

  test('only 404 with 40403 denies an id', async () => {
    const registry = await answering(answer(404, '{"error_code":40403,"message":"Schema 1 not found"}'));
    expect(await schemaById(registry, 1)).toBeNull();
  });

  test('registering fails if the registry stops answering', async () => {
    const registry = await answering((request, response) => {
      if (request.method === 'PUT') response.writeHead(200).end('{"compatibility":"BACKWARD_TRANSITIVE"}');
    });
    await expect(registry.register('s', first)).rejects.toThrow(/[Tt]imeout/);
  });

  test('credentials are sent with every request', async () => {
    const seen: (string | undefined)[] = [];
    await answering((request, response) => {
      seen.push(request.headers.authorization);
      const isConfig = request.url?.startsWith('/config') === true;
      response.writeHead(200).end(isConfig ? '{"compatibilityLevel":"BACKWARD_TRANSITIVE"}' : '{"id":7,"schema":"{}"}');
    });
    const { port } = server?.address() as AddressInfo;
    const credentials = { username: 'u', password: 'pä:ss' };
    const registry = new SchemaRegistry({ url: `http://127.0.0.1:${port}`, credentials }, TIMEOUT_MS);
    await schemaById(registry, 7);
    await registry.register('s', first);
    expect(new Set(seen)).toEqual(new Set([`Basic ${Buffer.from('u:pä:ss').toString('base64')}`]));
    expect(seen).toHaveLength(3);
  });
});
