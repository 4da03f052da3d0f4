/** A company with very many bad records: no record loads or changes all of its holds at once. */
import type { Decoded } from '../../../src/decode/bad-record.js';
import type { Payload } from '../../../src/domain/events.js';
import { MAX_HOLDS_REMOVED } from '../../../src/domain/limits.js';
import { NEW_COMPANY } from '../../../src/domain/pending-company.js';
import { CompanyRows } from '../../../src/domain/company-rows.js';
import { hold } from '../../../src/domain/transition.js';
import type { LogRecord } from '../../../src/lib/record.js';
import type { PipelineContext } from '../../../src/pipeline/context.js';
import { decide } from '../../../src/pipeline/decide.js';
import type { DecidedBatch } from '../../../src/pipeline/decisions.js';
import { HoldRemoval } from '../../../src/pipeline/hold-removal.js';
import { CompanyCache } from '../../../src/store/company-cache.js';
import { CountedCompanies } from '../../../src/store/counted-companies.js';
import type { PartitionStore } from '../../../src/store/partition-store.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { decodeCompanyRow } from '../../../src/store/row-codec.js';
import { companyKey, HOLD_PREFIX } from '../../../src/store/row-keys.js';
import { encodeChanges } from '../../../src/store/state-changes.js';
import { open, positionRow } from '../store/partition-fixture.js';
import { temporaryFolder } from '../store/temporary-folder.js';

const HOLDS = 3 * MAX_HOLDS_REMOVED + 5;
const folder = temporaryFolder();

let store: PartitionStore;
let holdRemoval: HoldRemoval;
let changelogPosition = 1;

beforeEach(async () => {
  store = await open(new RocksStateDirectory(folder(), { now: () => 0 }));
  holdRemoval = new HoldRemoval();
  const rows = new CompanyRows('held');
  rows.loadCompany(null);
  rows.setCompany(NEW_COMPANY);
  for (let i = 0; i < HOLDS; i++) hold(rows, `0/${i}`, 'undecodable', 0);
  await apply([rows], 0);
});

afterEach(() => store.close());

async function apply(touched: readonly CompanyRows[], offset: number): Promise<number> {
  const position = positionRow(offset);
  const encoded = encodeChanges(touched, position, store.position());
  const changed = encoded.changes.length;
  await store.apply(encoded, position, 0);
  store.confirm(changelogPosition++);
  for (const rows of touched) rows.settle();
  return changed;
}

interface TakeOptions {
  /** The most transactions. */
  readonly most?: number;
  /** The holds that each record lifts. */
  readonly repairs?: readonly (readonly string[])[];
  /** The most changed rows of a transaction. */
  readonly rows?: number;
}

/** Decides the records and applies each transaction. @returns the number of records and of changed rows in each */
async function take(
  payloads: readonly Payload[],
  { most = Infinity, repairs = [], rows = 50_000 }: TakeOptions = {},
): Promise<[records: number, changed: number][]> {
  const context: Partial<PipelineContext> = {
    allDatasetsFrom: 0,
    settings: { ready: () => Promise.resolve(), policyOf: () => undefined },
  };
  const cache = new CompanyCache(() => 0);
  const local = { partition: 0, store, counted: new CountedCompanies(null), cache, holdRemoval };
  const decoded = payloads.map((payload, i): Decoded => {
    const companyId = payload.kind === 'status' ? 'another' : 'held';
    return { companyId, clientId: 'c', offset: HOLDS + i, timestamp: 1, repairs: repairs[i] ?? [], payload };
  });
  const records = decoded.map((_, i): LogRecord => {
    return { offset: HOLDS + i, timestamp: Date.UTC(2024), key: null, value: null, headers: [] };
  });
  const transactions: [number, number][] = [];
  for (let from = 0; from < decoded.length && transactions.length < most;) {
    const decided: DecidedBatch = await decide(context as PipelineContext, local, records, decoded, from, {
      rows,
      bytes: Infinity,
    });
    expect(decided.touched.reduce((sum, rows) => sum + rows.size, 0)).toBeLessThan(2 * MAX_HOLDS_REMOVED + 100);
    const changed = await apply(decided.touched, HOLDS + decided.end);
    transactions.push([decided.end - from, changed]);
    from = decided.end;
    cache.evict();
  }
  return transactions;
}

async function company() {
  const [row] = await store.read([companyKey('held')]);
  return row == null ? null : decodeCompanyRow(row);
}

const status: Payload = { kind: 'status', datasetId: 'd', status: 'Queued', trigger: 'LINK', revision: null };

test.each(['deleted', 'announced-elsewhere'] as const)('that ends as %s loses its holds in pieces', async (kind) => {
  const transactions = await take([status, { kind }, status]);
  expect(transactions.map(([records]) => records)).toEqual([1, 0, 0, 0, 2]);
  for (const [, changed] of transactions) expect(changed).toBeLessThanOrEqual(MAX_HOLDS_REMOVED + 10);
  expect(await company()).toMatchObject({ outcome: kind });
  expect(await store.scan(HOLD_PREFIX)).toEqual([]);
});

test('stays on hold between the pieces, and a new owner removes the rest', async () => {
  await take([{ kind: 'deleted' }], { most: 2 });
  const left = (await store.scan(HOLD_PREFIX)).length;
  expect(left).toBe(MAX_HOLDS_REMOVED + 5);
  expect(await company()).toMatchObject({ outcome: 'pending', holds: left });
  holdRemoval = new HoldRemoval();
  await take([{ kind: 'deleted' }]);
  expect(await company()).toMatchObject({ outcome: 'deleted' });
  expect(await store.scan(HOLD_PREFIX)).toEqual([]);
});

test('has its holds lifted by many records in several transactions', async () => {
  const manyHolds = (from: number) => Array.from({ length: 5_000 }, (_, i) => `0/${from + i}`);
  const repairs = [0, 5_000, 10_000, 15_000].map(manyHolds);
  const transactions = await take(
    repairs.map(() => ({ kind: 'unlinked', connectionId: 'none' })),
    { repairs, rows: 10_000 },
  );
  expect(transactions.map(([records]) => records)).toEqual([2, 2]);
  expect(await company()).toMatchObject({ holds: HOLDS - 20_000 });
});

test('has none of its holds loaded by an unlink', async () => {
  const manifest: Payload = {
    kind: 'manifest',
    linkId: 'l',
    connectionId: 'k',
    sourceType: 's',
    companyName: 'n',
    datasets: [{ datasetId: 'd', dataType: 'invoices' }],
    isFinal: true,
  };
  const [[records, changed] = []] = await take([manifest, { kind: 'unlinked', connectionId: 'k' }]);
  expect(records).toBe(2);
  expect(changed).toBeLessThan(10);
  expect(await company()).toMatchObject({ outcome: 'pending', holds: HOLDS });
});
