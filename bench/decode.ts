/**
 * Measures how fast input records are decoded, without Kafka: `npx tsx bench/decode.ts`. One record in twenty is a
 * manifest of twenty datasets; the others are statuses. Prints the wall-clock rate, and the CPU time of a record
 * including garbage collection. On a machine that does other work too, compare by the CPU time.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import avro from 'avsc';
import { isBadRecord } from '../src/decode/bad-record.js';
import { loadReaderSchemas } from '../src/lib/schema-files.js';
import { createSyncEventDecoder } from '../src/decode/sync-event-decoder.js';
import { NO_HEADERS, type LogRecord } from '../src/lib/record.js';
import { schemaSource } from '../testkit/schema-source.js';

const SCHEMA_ID = 7;
const BATCH_RECORDS = 10_000;
const WARM_UP_BATCHES = 20;
const MEASURED_BATCHES = 100;
const DATASETS = 20;

const { syncEvent } = await loadReaderSchemas(join(import.meta.dirname, '..', 'schemas'));
const writer = avro.Type.forSchema(syncEvent as avro.Schema);
const records = Array.from({ length: BATCH_RECORDS }, (_, offset) => recordAt(offset));
const totalBytes = records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);

const decoder = createSyncEventDecoder(syncEvent, {
  source: schemaSource((id) => Promise.resolve(id === SCHEMA_ID ? syncEvent : null)),
  clock: { now: Date.now, delay: () => Promise.reject(new Error('nothing is to be waited for')) },
  knownId: SCHEMA_ID,
});
const { signal } = new AbortController();

for (let i = 0; i < WARM_UP_BATCHES; i++) await decoder.begin(records, 'a bench').all(signal);
const rates: number[] = [];
const cpuBefore = process.cpuUsage();
for (let i = 0; i < MEASURED_BATCHES; i++) {
  const startedAt = performance.now();
  const decoded = await decoder.begin(records, 'a bench').all(signal);
  rates.push((BATCH_RECORDS / (performance.now() - startedAt)) * 1_000);
  if (decoded.some(isBadRecord)) throw new Error('the workload has a record that does not decode');
}
const cpu = process.cpuUsage(cpuBefore);
const cpuMicroseconds = perRecord(cpu.user + cpu.system, MEASURED_BATCHES);
rates.sort((a, b) => a - b);
const median = rates[MEASURED_BATCHES / 2] as number;
const best = rates.at(-1) as number;
console.log(
  `decode: ${Math.round(median).toLocaleString('en')} records/s (median), ${Math.round(best).toLocaleString('en')} ` +
    `(best), ${cpuMicroseconds.toFixed(2)} µs of CPU a record of ${Math.round(perRecord(totalBytes, 1))} bytes`,
);

function perRecord(sum: number, batches: number): number {
  return sum / (batches * BATCH_RECORDS);
}

function recordAt(offset: number): LogRecord {
  const companyId = randomUUID();
  const connectionId = randomUUID();
  const payload =
    offset % DATASETS === 0
      ? {
          'companysync.LinkSyncQueued': {
            linkId: randomUUID(),
            connectionId,
            sourceType: 'Accounting',
            companyName: 'Example Ltd',
            datasets: Array.from({ length: DATASETS }, () => ({ datasetId: randomUUID(), dataType: 'invoices' })),
            isFinal: true,
          },
        }
      : {
          'companysync.DatasetStatusChanged': {
            datasetId: randomUUID(),
            connectionId,
            dataType: 'invoices',
            status: 'Fetching',
            trigger: 'LINK',
            revision: offset,
            errorMessage: null,
          },
        };
  const event = { eventId: randomUUID(), companyId, clientId: randomUUID(), occurredAt: 1_700_000_000_000, payload };
  const frame = Buffer.from([0, 0, 0, 0, SCHEMA_ID]);
  const value = Buffer.concat([frame, writer.toBuffer(event)]);
  return { offset, timestamp: 1_700_000_000_000, key: Buffer.from(companyId), value, headers: NO_HEADERS };
}
