/** The bound on an announcement is not below its real size, and each change updates it exactly. */
import avro from 'avsc';
import fc from 'fast-check';
import {
  FIXED_ANNOUNCEMENT_BYTES,
  growthByManifest,
  measure,
  mostGrowthByManifest,
} from '../../../src/domain/announcement-size.js';
import { announce } from '../../../src/domain/announcement.js';
import type { InputEvent } from '../../../src/domain/events.js';
import type { CompanyRows } from '../../../src/domain/company-rows.js';
import { NO_HEADERS, type RecordToWrite } from '../../../src/lib/record.js';
import { reportFailure } from '../../../src/domain/sync-failure.js';
import { frame } from '../../../src/avro/framing.js';
import { CompanySyncFailedRecords } from '../../../src/publish/company-sync-failed.js';
import { CompanySynchronizedRecords } from '../../../src/publish/company-synchronized.js';
import { ByteWriter } from '../../../src/lib/byte-writer.js';
import { writeInfoRow } from '../../../src/store/row-codec.js';
import { SCHEMAS_FOLDER } from '../../../testkit/command.js';
import { newestSchema, type Subject } from '../../../testkit/schema-file.js';
import { companyHistory, CONTEXT } from '../../support/company-history.js';
import { CompanyInStore } from './company-in-store.js';

const typeOf = (subject: Subject) => avro.Type.forSchema(newestSchema(SCHEMAS_FOLDER, subject) as avro.Schema);
const common = { schemaId: 1, applicationId: 'a'.repeat(249), eventNamespace: 'e' };
const records = new CompanySynchronizedRecords({ ...common, type: typeOf('company-synchronized-value') });
const failures = new CompanySyncFailedRecords({ ...common, type: typeOf('company-sync-failed-value') });
const topic = { topic: 't'.repeat(249), partition: 2 ** 31 - 1 };
const completing = { offset: Number.MAX_SAFE_INTEGER - 1, timestamp: Date.UTC(2024, 0, 1), clientId: 'client' };

const CAUSE = { ...completing, key: null, value: null, headers: NO_HEADERS };

/** The larger of the two events that list all datasets of the company. */
function announcedBytes(rows: CompanyRows): number {
  const { companyId } = rows;
  const event: InputEvent = { ...completing, companyId, repairs: [], payload: { kind: 'deleted' } };
  if (rows.company?.outcome === 'pending') rows.setCompany({ ...rows.company, failureReported: false });
  const failure = failures.recordOf({ ...reportFailure(rows, event), attempt: 2 ** 31 - 1 }, topic, CAUSE);
  const announcement = records.recordOf(announce(rows, completing, 'FIRST_DATASET'), topic, CAUSE);
  return Math.max(bytesOf(failure), bytesOf(announcement));
}

function bytesOf({ key, value, headers }: RecordToWrite): number {
  const headerBytes = headers.reduce((sum, header) => sum + header.key.length + (header.value?.length ?? 0) + 4, 0);
  return frame(1, Buffer.alloc(0)).length + (key?.length ?? 0) + (value?.length ?? 0) + headerBytes;
}

function infoBytes(rows: CompanyRows): number {
  const to = new ByteWriter();
  to.begin();
  if (rows.info !== null) writeInfoRow(to, rows.info);
  return to.end().length;
}

test('after any history the row has what a count of all rows gives, and the bound is one', () => {
  fc.assert(
    fc.property(companyHistory, fc.integer({ min: 1, max: 5 }), (history, batch) => {
      const company = new CompanyInStore(CONTEXT);
      for (let i = 0; i < history.length; i += batch) {
        company.apply(...history.slice(i, i + batch));
        company.settle();
        if (i % 2 === 0) company.evict();
        const stored = company.stored.company.get('');
        if (stored?.outcome !== 'pending') return;
        const rows = company.storedRows();
        const { announcementBytes } = stored;
        expect(announcementBytes).toBe(measure(rows));
        const bound = announcementBytes + FIXED_ANNOUNCEMENT_BYTES;
        expect(infoBytes(rows)).toBeLessThanOrEqual(bound);
        if (rows.info !== null) expect(announcedBytes(rows)).toBeLessThanOrEqual(bound);
      }
    }),
  );
});

const text = fc.string({ unit: 'grapheme', maxLength: 6 });
const datasets = fc.array(fc.record({ datasetId: fc.oneof(text, fc.constantFrom('d1', 'd2', 'd3')), dataType: text }));
const names = { linkId: text, connectionId: text, sourceType: text, companyName: text };
const manifest = fc.record({ kind: fc.constant('manifest' as const), ...names, isFinal: fc.boolean(), datasets });

test('no manifest adds more bytes than the quick count of them', () => {
  fc.assert(
    fc.property(companyHistory, fc.nat(2_000), text, manifest, (history, length, early, payload) => {
      const company = new CompanyInStore(CONTEXT);
      company.apply(...history);
      company.settle();
      const rows = company.storedRows();
      const change = { revision: null, offset: 1, timestamp: completing.timestamp };
      for (const { datasetId } of payload.datasets)
        if (rows.dataset(datasetId) === null)
          rows.setDataset(datasetId, { place: null, status: early.repeat(length), ...change });
      expect(mostGrowthByManifest(rows, payload)).toBeGreaterThanOrEqual(growthByManifest(rows, payload));
    }),
  );
});
