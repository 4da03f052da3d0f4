/**
 * The process of large-companies.test.ts, which is given a small heap: one ConnectionUnlinked for each of many companies
 * with long texts, all in one batch. It prints how many records each transaction had, and of how many rows.
 */
import { NEW_COMPANY } from '../../../src/domain/pending-company.js';
import type { InputEvent } from '../../../src/domain/events.js';
import type { PipelineContext } from '../../../src/pipeline/context.js';
import { HoldRemoval } from '../../../src/pipeline/hold-removal.js';
import { decide } from '../../../src/pipeline/decide.js';
import { ByteReader } from '../../../src/lib/byte-reader.js';
import { ByteWriter } from '../../../src/lib/byte-writer.js';
import { CompanyCache } from '../../../src/store/company-cache.js';
import { CountedCompanies } from '../../../src/store/counted-companies.js';
import type { Pair } from '../../../src/store/key-value-store.js';
import type { PartitionStore } from '../../../src/store/partition-store.js';
import { writeCompanyRow, writeDatasetRow, writeInfoRow } from '../../../src/store/row-codec.js';
import { datasetKey, KEY_KIND } from '../../../src/store/row-keys.js';

const COMPANIES = 500;
const DATASETS = 200;
const TEXT_BYTES = 1_000;
const MIB = 1024 * 1024;
/** The memory shares of one partition. */
const LOAD_BYTES = 16 * MIB;
const CACHE_BYTES = 8 * MIB;

function encoded(write: (to: ByteWriter) => void): Buffer {
  const to = new ByteWriter();
  to.begin();
  write(to);
  return Buffer.from(to.end());
}

const company = encoded((to) =>
  writeCompanyRow(to, { ...NEW_COMPANY, named: DATASETS, unfinished: DATASETS, links: 1 }),
);
const info = encoded((to) =>
  writeInfoRow(to, {
    clientId: 'client',
    companyName: 'Acme',
    connections: [{ connectionId: 'k', sourceType: 'xero' }],
    links: [{ linkId: 'l', connection: 0, sealed: true, endedAt: null }],
  }),
);

function datasetsOf(companyId: string): Pair[] {
  return Array.from({ length: DATASETS }, (_, i) => {
    const dataType = `${companyId} ${i} `.padEnd(TEXT_BYTES, 'x');
    const row = { status: 'Fetching', revision: 4, offset: 1, timestamp: 1 };
    const value = encoded((to) => writeDatasetRow(to, { ...row, place: { link: 0, connection: 0, dataType } }));
    return { key: datasetKey(companyId, `d${i}`), value };
  });
}

/** Makes each row when it is read: filling a store with a million long rows would take longer than the test may. */
const store: Pick<PartitionStore, 'read' | 'scan'> = {
  read: (keys) =>
    Promise.resolve(
      keys.map((key) => (key[0] === KEY_KIND.company ? company : key[0] === KEY_KIND.info ? info : null)),
    ),
  scan: (prefix) =>
    Promise.resolve(prefix[0] === KEY_KIND.dataset ? datasetsOf(new ByteReader(prefix.subarray(1), 'key').id()) : []),
};

async function unlinkAll(): Promise<void> {
  const context: Partial<PipelineContext> = { allDatasetsFrom: 0 };
  const cache = new CompanyCache(() => CACHE_BYTES);
  const counted = new CountedCompanies(null);
  const at = { partition: 0, store: store as PartitionStore, counted, cache, holdRemoval: new HoldRemoval() };
  const events = Array.from({ length: COMPANIES }, (_, offset): InputEvent => {
    const payload = { kind: 'unlinked', connectionId: 'k' } as const;
    return { companyId: `c${offset}`, clientId: 'client', offset, timestamp: 1, repairs: [], payload };
  });
  const records = events.map(({ offset }) => ({ offset, timestamp: 1, key: null, value: null, headers: [] }));
  const transactions: number[] = [];
  for (let from = 0; from < events.length;) {
    const limits = { rows: 50_000, bytes: LOAD_BYTES };
    const { end, touched } = await decide(context as PipelineContext, at, records, events, from, limits);
    transactions.push(end - from);
    from = end;
    for (const rows of touched) rows.settle();
    cache.evict();
  }
  console.log(JSON.stringify({ transactions, cachedBytes: cache.bytes, cacheBytes: CACHE_BYTES }));
}

void unlinkAll();
