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
import type { CompanyRows } from '../../../src/domain/company-rows.js';
import { frame } from '../../../src/avro/framing.js';
import { CompanySynchronizedRecords } from '../../../src/publish/company-synchronized.js';
import { ByteWriter } from '../../../src/lib/byte-writer.js';
import { writeInfoRow } from '../../../src/store/row-codec.js';
import { SCHEMAS_FOLDER } from '../../../testkit/command.js';
import { newestSchema } from '../../../testkit/schema-file.js';
import { companyHistory, CONTEXT } from '../../support/company-history.js';
import { CompanyInStore } from './company-in-store.js';

const type = avro.Type.forSchema(newestSchema(SCHEMAS_FOLDER, 'company-synchronized-value') as avro.Schema);
const records = new CompanySynchronizedRecords({
  type,
  schemaId: 1,
  applicationId: 'a'.repeat(249),
  eventNamespace: 'e',
});
const topic = { topic: 't'.repeat(249), partition: 2 ** 31 - 1 };
const completing = { offset: Number.MAX_SAFE_INTEGER - 1, timestamp: Date.UTC(2024, 0, 1), clientId: 'client' };

function announcedBytes(rows: CompanyRows): number {
  const announcement = announce(rows, completing, 'FIRST_DATASET');
  const { key, value, headers } = records.recordOf(announcement, topic, {
    ...completing,
    key: null,
    value: null,
    headers: [],
  });
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
