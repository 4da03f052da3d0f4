/** Records of any size in the topics: what the verifier keeps of them while it reads the others. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import avro from 'avsc';
import { frame } from '../../../src/avro/framing.js';
import { ScratchFolder } from '../../../src/command/scratch-folder.js';
import type { Header, LogRecord } from '../../../src/lib/record.js';
import type { Announcement } from '../../../src/verify/announcement.js';
import type { CheckContext } from '../../../src/verify/check-context.js';
import { CompanyCheck } from '../../../src/verify/company-check.js';
import { contentOf, TopicValues } from '../../../src/verify/read-announcements.js';
import type { StoredRow } from '../../../src/verify/rows.js';
import { SCHEMAS_FOLDER } from '../../../testkit/command.js';
import { heapInUse } from '../../../testkit/heap.js';
import { newestSchema } from '../../../testkit/schema-file.js';
import { complete, DeploymentInMemory } from '../audit/deployment-in-memory.js';
import { verifyInMemory } from './verify-in-memory.js';

const MIB = 2 ** 20;
const schema = newestSchema(SCHEMAS_FOLDER, 'company-synchronized-value');
const type = avro.Type.forSchema(schema as avro.Schema);
const values = new TopicValues<Announcement>(schema, () => Promise.resolve(schema));

function announcement(changes: object): Buffer {
  const counts = { succeeded: 0, failed: 0, ended: 0 };
  const texts = { eventId: 'e', companyId: 'c', clientId: 'c', companyName: 'n', trigger: 'ALL_DATASETS' };
  const source = { topic: 't', partition: 0, offset: 1 };
  const content = { ...texts, ...counts, synchronizedAt: 0, connections: [], datasets: [], source, ...changes };
  return frame(1, type.toBuffer(content));
}

function record(offset: number, value: Buffer | null, headers: Header[] = []): LogRecord {
  return { offset, timestamp: 0, key: Buffer.from('c'), value, headers };
}

const header = (key: string, bytes: number): Header => ({ key, value: Buffer.alloc(bytes, 'a') });

function checkOfOneCompany(): CompanyCheck {
  return new CompanyCheck('c', {
    topic: 't',
    partition: 0,
    hasWholeInput: true,
    from: 0,
    eventNamespace: 'n',
    allDatasetsFrom: 0,
    choices: () => new Set(['ALL_DATASETS']),
    read: ({ headers }) => {
      const repairs = headers.filter(({ key }) => key === 'repairs').map(({ value }) => String(value));
      return { kind: 'event', clientId: 'c', repairs, payload: { type: 'ConnectionUnlinked', connectionId: 'c' } };
    },
    readAnnouncement: (came) => {
      const read = values.read(came);
      return typeof read === 'string' ? read : contentOf(read);
    },
    envelope: { applicationId: 'a', inputPartitions: 1, outputPartitions: 1, defaultPartition: () => 0 },
    deadLetterPartitions: 1,
    announcementsSince: -Infinity,
    deadLettersSince: -Infinity,
    onFinding: () => undefined,
  } satisfies CheckContext);
}

/** The bytes that remain in use after `work`, while its result is in use. */
function bytesKept(work: () => object): number {
  const inUse = () => {
    heapInUse(); // The first collection finds the buffers, the second one finds their memory unused.
    return heapInUse() + process.memoryUsage().arrayBuffers;
  };
  const before = inUse();
  const kept = work();
  const bytes = inUse() - before;
  expect(kept).toBeDefined();
  return bytes;
}

beforeAll(() => values.prepare(record(0, announcement({}))));

test('of several large announcements of a company, only the first are kept, without their other bytes', () => {
  const template = announcement({ companyName: 'n'.repeat(7 * MIB) });
  const bytes = bytesKept(() => {
    const check = checkOfOneCompany();
    for (let i = 0; i < 5; i++) {
      const value = Buffer.from(template);
      const headers = [header('other', 20 * MIB), ...Array.from({ length: 10_000 }, () => header('many', 100))];
      check.take({ kind: 'announcement', about: i, partition: 0, record: record(i, value, headers) });
    }
    expect(check.announcements).toBe(5);
    return check;
  });
  expect(bytes).toBeLessThan(20 * MIB); // Two texts of 7 MiB.
});

test('of the records that announcements name, and of long repairs, little is kept', () => {
  const bytes = bytesKept(() => {
    const check = checkOfOneCompany();
    for (let i = 0; i < 30; i++) {
      check.take({ kind: 'announcement', about: i, partition: 0, record: record(i, announcement({})) });
      const headers = [header('repairs', 3 * MIB), header('traceparent', 3 * MIB)];
      check.take({ kind: 'record', about: i, partition: 0, record: record(i, Buffer.alloc(3 * MIB), headers) });
    }
    return check;
  });
  expect(bytes).toBeLessThan(5 * MIB);
});

test('an announcement with more bytes or items than one can have is not read', () => {
  const items = (count: number) => Array<object>(count).fill({ connectionId: '', sourceType: '' });
  const readOf = (changes: object) => values.read(record(0, announcement(changes)));
  expect(readOf({ companyName: 'n'.repeat(8 * MIB) })).toContain('at most 8388608 are read');
  expect(readOf({ connections: items(100_001) })).toBe('it has more than 100000 items');
  expect(readOf({ connections: items(100_000) })).toMatchObject({ companyId: 'c' });
});

test('rows with large values keep their place in the scratch store, and a scan does not hold many of them', async () => {
  const root = await mkdtemp(join(tmpdir(), 'scratch-'));
  const folder = await ScratchFolder.create(root);
  try {
    const store = await folder.open('rows');
    const sizes = [10, 65_536, 65_537, 3 * MIB, 20];
    const rows = sizes.map((size, i) => ({ key: Buffer.from([0, i]), value: Buffer.alloc(size, i + 1) }));
    await store.write(rows);
    const read: StoredRow[] = [];
    for await (const row of store.pairs(Buffer.from([0]))) read.push(row);
    expect(read.map(({ key, value }) => [key[1], value.length, value[0]])).toEqual(
      sizes.map((size, i) => [i, size, i + 1]),
    );
  } finally {
    await folder.remove();
    await rm(root, { recursive: true, force: true });
  }
});

test('many large announcements are not written to the scratch store at once', async () => {
  const deployment = new DeploymentInMemory();
  deployment.manifest('company-1', ['d1']);
  const completing = deployment.status('company-1', 'd1', 'Complete');
  const content = { datasets: [complete('d1', 1)], companyName: 'n'.repeat(2 * MIB) };
  for (let i = 0; i < 8; i++) deployment.announce('company-1', completing, { content });
  const { counts } = await verifyInMemory(deployment.input());
  expect(counts.duplicate).toBe(1);
});
