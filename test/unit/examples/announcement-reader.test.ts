/**
 * The example dispatcher has its own Avro reader, so that it can be copied. Reading a value costs no more than its
 * length allows.
 */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import avro from 'avsc';
import { AnnouncementReader } from '../../../examples/webhook-dispatcher/announcement-reader.js';
import { mustFitItsLength } from '../../../examples/webhook-dispatcher/avro-budget.js';
import { SCHEMAS_FOLDER } from '../../../testkit/command.js';
import { newestSchema } from '../../../testkit/schema-file.js';
import { framed, varint } from '../decode/sync-events.js';

const announced = newestSchema(SCHEMAS_FOLDER, 'company-synchronized-value') as avro.Schema;

describe('the check before a value is read', () => {
  const EMPTY = { type: 'record', name: 'Empty', fields: [] };
  const array = (items: unknown) => avro.Type.forSchema({ type: 'array', items } as avro.Schema);
  const inner = Buffer.concat([varint(9_000n), varint(0n)]);

  test.each<[string, avro.Type, Buffer]>([
    ['billions of nulls', array('null'), varint(3_000_000_000n)],
    ['billions of nulls in a block with a size', array('null'), Buffer.concat([varint(-3_000_000_000n), varint(0n)])],
    ['billions of empty records', array(EMPTY), varint(3_000_000_000n)],
    ['a map of billions', avro.Type.forSchema({ type: 'map', values: 'null' }), varint(3_000_000_000n)],
    [
      'nulls in arrays in an array',
      array({ type: 'array', items: 'null' }),
      Buffer.concat([varint(9_000n), ...Array<Buffer>(9_000).fill(inner)]),
    ],
  ])('refuses %s', (_what, type, bytes) => {
    expect(() => mustFitItsLength(type, bytes)).toThrow('does not fit the value');
  });

  test('refuses a text longer than the value, a branch that is not there and a number without end', () => {
    const text = avro.Type.forSchema('string');
    expect(() => mustFitItsLength(text, varint(2n ** 40n))).toThrow('truncated');
    expect(() => mustFitItsLength(text, varint(-1n))).toThrow('truncated');
    expect(() => mustFitItsLength(avro.Type.forSchema(['null', 'int']), varint(7n))).toThrow('no branch 7');
    expect(() => mustFitItsLength(avro.Type.forSchema('long'), Buffer.alloc(20, 0xff))).toThrow('more than 10 bytes');
  });

  test.each(
    (JSON.parse(readFileSync(join(__dirname, '..', 'avro', 'written-by-java.json'), 'utf8')) as JavaCase[]).map(named),
  )('accepts what Java wrote: %s', (_name, { writer, bytes }) => {
    let type: avro.Type;
    try {
      type = avro.Type.forSchema(writer as avro.Schema);
    } catch {
      return; // avsc dislikes some of the schemas
    }
    mustFitItsLength(type, Buffer.from(bytes, 'hex'));
  });
});

interface JavaCase {
  readonly name: string;
  readonly writer: unknown;
  readonly bytes: string;
}

function named(java: JavaCase): [string, JavaCase] {
  return [java.name, java];
}

describe('its reader', () => {
  const value = {
    eventId: 'e',
    companyId: 'c',
    clientId: 'k',
    companyName: 'n',
    synchronizedAt: 1,
    trigger: 'ALL_DATASETS',
    connections: [],
    datasets: [],
    succeeded: 1,
    failed: 0,
    ended: 0,
    source: { topic: 't', partition: 0, offset: 1 },
  };
  const wide = {
    type: 'record',
    name: 'Wide',
    fields: Array.from({ length: 20_000 }, (_, i) => ({ name: `f${i}`, type: 'int' })),
  };
  const bodies: Readonly<Record<string, string>> = {
    1: JSON.stringify({ schema: JSON.stringify(announced) }),
    2: JSON.stringify({ schema: JSON.stringify({ type: 'array', items: 'null' }) }),
    3: JSON.stringify({ schema: JSON.stringify(wide) }),
    4: ' '.repeat(5_000_000),
  };
  let server: Server;
  let reader: AnnouncementReader;

  beforeAll(async () => {
    server = createServer(({ url }, response) => {
      const body = bodies[url?.split('/').at(-1) ?? ''];
      response.writeHead(body === undefined ? 404 : 200).end(body ?? 'not found');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    reader = new AnnouncementReader(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  test('reads an announcement', async () => {
    expect(await reader.read(framed(1, avro.Type.forSchema(announced).toBuffer(value)))).toMatchObject(value);
  });

  test.each([
    ['a value of countless items', framed(2, varint(3_000_000_000n)), 'does not fit the value'],
    ['a schema of very many types', framed(3, Buffer.alloc(9)), 'more than 10000 types'],
    ['an answer of many megabytes', framed(4, Buffer.alloc(9)), 'bytes'],
    ['an id that the registry does not have', framed(5, Buffer.alloc(9)), 'answered 404: not found'],
    ['a value without a schema id', Buffer.of(1, 2, 3), 'schema id'],
    ['a truncated value', framed(1, Buffer.alloc(3)), 'truncated'],
  ])('refuses %s', async (_what, bytes, why) => {
    await expect(reader.read(bytes)).rejects.toThrow(why);
  });
});
