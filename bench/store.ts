/**
 * Measures the parts of the store, on one partition, with realistic rows: `npx tsx bench/store.ts [folder]`. It runs
 * each part over many batches of 10,000 rows. The figures are rows a second.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { CompanyRows } from '../src/domain/company-rows.js';
import type { InputEvent } from '../src/domain/events.js';
import { NEW_COMPANY } from '../src/domain/pending-company.js';
import type { DatasetRow } from '../src/domain/rows.js';
import { KNOWN_STATUSES, VOCABULARY } from '../src/domain/statuses.js';
import { CompanyCache } from '../src/store/company-cache.js';
import { CountedCompanies } from '../src/store/counted-companies.js';
import { openPartitionStore } from '../src/store/open-partition-store.js';
import type { PartitionStore } from '../src/store/partition-store.js';
import { RocksStateDirectory } from '../src/store/rocks-state-directory.js';
import { RowLoad } from '../src/store/row-loading.js';
import { encodeChanges, type EncodedChanges } from '../src/store/state-changes.js';

const BATCHES = 40;
const ROWS_PER_BATCH = 10_000;
const DATASETS_PER_COMPANY = 20;

interface Company {
  readonly companyId: string;
  readonly datasetIds: readonly string[];
}

function newCompany(): Company {
  return { companyId: randomUUID(), datasetIds: Array.from({ length: DATASETS_PER_COMPANY }, () => randomUUID()) };
}

function datasetRow(seed: number): DatasetRow {
  return {
    place: { link: 0, connection: 0, dataType: 'bankTransactions' },
    status: KNOWN_STATUSES[seed % KNOWN_STATUSES.length] as string,
    revision: seed,
    offset: 1_000_000 + seed,
    timestamp: 1_700_000_000_000 + seed,
  };
}

/** A batch that gives every company a new status of each of its datasets. So every company row is new too. */
function changedBatch(companies: readonly Company[], seed: number): CompanyRows[] {
  return companies.map(({ companyId, datasetIds }) => {
    const rows = new CompanyRows(companyId);
    rows.loadCompany({ ...NEW_COMPANY, named: DATASETS_PER_COMPANY });
    rows.setCompany({ ...NEW_COMPANY, named: DATASETS_PER_COMPANY, succeeded: seed });
    for (const datasetId of datasetIds) {
      rows.loadDataset(datasetId, datasetRow(seed));
      rows.setDataset(datasetId, datasetRow(seed + 1));
    }
    return rows;
  });
}

function statusEvents(companies: readonly Company[]): InputEvent[] {
  return companies.flatMap(({ companyId, datasetIds }, i) =>
    datasetIds.map((datasetId) => ({
      companyId,
      clientId: 'client',
      offset: i,
      timestamp: i,
      repairs: [],
      payload: { kind: 'status', datasetId, status: 'Complete', trigger: 'LINK', revision: 1 },
    })),
  );
}

/** Runs one part batch by batch. Prints its rate, and the longest time that the event loop was blocked. */
async function measure(part: string, run: (batch: number) => Promise<number> | number): Promise<void> {
  let rows = 0;
  let longestMs = 0;
  let tick = performance.now();
  const ticking = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - tick);
    tick = performance.now();
  }, 1);
  const startedAt = performance.now();
  for (let batch = 0; batch < BATCHES; batch++) rows += await run(batch);
  const seconds = (performance.now() - startedAt) / 1000;
  clearInterval(ticking);
  const rate = Math.round(rows / seconds).toLocaleString('en');
  const perBatchMs = ((seconds * 1000) / BATCHES).toFixed(1);
  console.log(
    `${part.padEnd(44)} ${rate.padStart(10)} rows/s  ${perBatchMs} ms a batch, loop blocked <= ${longestMs.toFixed(0)} ms`,
  );
}

function openStore(folder: string): Promise<PartitionStore> {
  return openPartitionStore(new RocksStateDirectory(folder, { now: () => Date.now() }), 0, {
    identity: { clusterId: 'bench', applicationId: 'bench', topic: 'sync-events', partition: 0 },
    changelogEnd: Number.MAX_SAFE_INTEGER,
    changelogLog: { topicId: null, leaderEpoch: -1 },
    endOfEpoch: () => Promise.resolve(null),
    isOnlyCopy: () => Promise.resolve(false),
    proved: true,
    maxAwayMs: Number.MAX_SAFE_INTEGER,
    now: Date.now(),
    onSetAside: (why) => console.warn(`set aside: ${why}`),
  });
}

async function main(): Promise<void> {
  const root = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'company-sync-bench-'));
  const companiesPerBatch = Math.floor(ROWS_PER_BATCH / (DATASETS_PER_COMPANY + 1));
  const batches = Array.from({ length: BATCHES }, () => Array.from({ length: companiesPerBatch }, newCompany));
  const encoded: EncodedChanges[] = [];
  const position = (batch: number) => ({ topic: 'sync-events', offset: batch, countedUnder: VOCABULARY });

  const touched = batches.map(changedBatch);
  for (const part of ['encode (first, cold)', 'encode'])
    await measure(part, (batch) => {
      const batchOf = encodeChanges(touched[batch] as CompanyRows[], position(batch + 1), position(batch));
      encoded[batch] = batchOf;
      return batchOf.changes.length;
    });
  const all = encoded.flatMap(({ changes }) => changes);
  const bytes = all.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0);
  console.log(`a row is ${(bytes / all.length).toFixed(1)} bytes on average, its key included`);

  const store = await openStore(join(root, 'apply'));
  await measure('apply: rows, undo and position in one write', async (batch) => {
    const batchOf = encoded[batch] as EncodedChanges;
    await store.apply(batchOf, position(batch + 1), Date.now());
    store.confirm((batch + 1) * ROWS_PER_BATCH);
    return batchOf.changes.length;
  });
  await store.flush();

  const events = batches.map(statusEvents);
  const cache = new CompanyCache(() => BATCHES * ROWS_PER_BATCH * 2);
  for (const part of ['load: nothing in memory', 'load: everything in memory'])
    await measure(part, async (batch) => {
      const wanted = events[batch] as InputEvent[];
      const load = new RowLoad(cache, new CountedCompanies(null));
      for (const event of wanted) load.want(event);
      await load.run(store);
      cache.evict();
      return wanted.length;
    });
  await store.close();

  const restored = await openStore(join(root, 'restore'));
  await measure('replay', async (batch) => {
    const { changes } = encoded[batch] as EncodedChanges;
    const offset = batch * ROWS_PER_BATCH;
    await restored.replay(
      changes.map((change) => ({ ...change, offset })),
      offset + ROWS_PER_BATCH,
    );
    return changes.length;
  });
  await restored.close();

  const startedAt = performance.now();
  await (await openStore(join(root, 'apply'))).close();
  console.log(
    `reopening takes ${(performance.now() - startedAt).toFixed(0)} ms; ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB resident`,
  );
  if (process.argv[2] === undefined) rmSync(root, { recursive: true, force: true });
}

await main();
