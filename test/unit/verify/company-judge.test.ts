/** The verifier's judge against the reference model. Neither shares code with the other, or with the processor. */
import * as fc from 'fast-check';
import { announcementOf } from '../../../src/verify/announcement.js';
import { CompanyJudge } from '../../../src/verify/company-judge.js';
import type { LimitCode, Policy } from '../../../src/verify/input-event.js';
import {
  judgeCompany,
  type HistoryRecord,
  type ReferenceAnnouncement,
  type Verdict,
} from '../../../testkit/reference-model.js';
import { companyHistory, CONTEXT } from '../../support/company-history.js';
import { badRecord, historyOf, manifest, part, repairing, status, unlinked } from '../domain/histories.js';

const { FC_RUNS } = process.env;

type Judged = Pick<Verdict, 'outcome' | 'announcement' | 'tooManyDatasets' | 'tooLarge' | 'openHolds'>;

/** The same verdict by the verifier's judge. */
function judged(records: readonly HistoryRecord[]): Judged {
  const { companyId, topic, partition, allDatasetsFrom, eventNamespace } = CONTEXT;
  const judge = new CompanyJudge(partition);
  const limits: Record<LimitCode, number[]> = { 'too-many-datasets': [], 'too-large': [] };
  let announcement: ReferenceAnnouncement | null = null;
  for (const record of records) {
    const { offset, timestamp } = record;
    const wasPending = judge.outcome === 'pending';
    if (record.kind === 'bad-record') {
      judge.hold(offset);
      continue;
    }
    let policy: Policy = 'ALL_DATASETS';
    const limit = judge.apply(record, () => {
      const isEarlier = timestamp >= Date.parse('2015-01-01T00:00:00Z') && timestamp < allDatasetsFrom;
      policy = isEarlier ? (record.clientSetting ?? 'FIRST_DATASET') : 'ALL_DATASETS';
      return policy;
    });
    if (limit !== null) limits[limit].push(offset);
    if (!wasPending || judge.outcome !== 'complete') continue;
    const by = { companyId, eventNamespace, topic, partition, offset, timestamp, clientId: record.clientId, policy };
    announcement = announcementOf(judge, by) as ReferenceAnnouncement;
  }
  const { outcome } = judge;
  return {
    outcome: outcome === 'complete' ? 'announced' : outcome,
    announcement,
    tooManyDatasets: limits['too-many-datasets'],
    tooLarge: limits['too-large'],
    openHolds: outcome === 'pending' ? [...judge.holds].sort() : [],
  };
}

function byReference(records: readonly HistoryRecord[]): Judged {
  const { outcome, announcement, tooManyDatasets, tooLarge, openHolds } = judgeCompany(records, CONTEXT);
  return { outcome, announcement, tooManyDatasets, tooLarge, openHolds };
}

test('random histories have the verdict of the reference model', () => {
  let announced = 0;
  fc.assert(
    fc.property(companyHistory, (records) => {
      const expected = byReference(records);
      if (expected.announcement !== null) announced++;
      expect(judged(records)).toEqual(expected);
    }),
    FC_RUNS === undefined ? { numRuns: 1_000, interruptAfterTimeLimit: 4_000 } : { numRuns: Number(FC_RUNS) },
  );
  expect(announced).toBeGreaterThan(10);
});

const ids = (from: number, count: number) => Array.from({ length: count }, (_, i) => `d${from + i}`);

test.each([
  ['more early datasets than are remembered', [...ids(0, 1_001).map((id) => status(id, 'Complete'))]],
  [
    'a forgotten revision',
    [
      ...ids(0, 1_001).map((id) => status(id, 'Complete', { revision: 5 })),
      status('d0', 'Fetching', { revision: 1 }),
      manifest('l', 'c', ['d0', 'd900']),
    ],
  ],
  ['too many datasets', [manifest('l', 'c', ids(0, 10_000)), part('m', 'c', ['d1', 'd10000']), part('m', 'c', ['d1'])]],
  ['too many datasets at once', [manifest('l', 'c', ids(0, 10_001)), repairing([0], manifest('l', 'c', ['d1']))]],
  [
    'an announcement that would be too large',
    [
      manifest(
        'l',
        'c',
        ids(0, 5_000).map((id) => id.padEnd(600)),
      ),
      manifest(
        'm',
        'c',
        ids(0, 5_000).map((id) => id.padEnd(700)),
      ),
      manifest(
        'n',
        'c',
        ids(0, 1_000).map((id) => id.padEnd(600)),
      ),
      status(ids(0, 1)[0]?.padEnd(600) ?? '', 'x'.repeat(1_024)),
    ],
  ],
  [
    'statuses that fill the announcement',
    [
      manifest(
        'l',
        'c',
        ids(0, 6_320).map((id) => id.padEnd(950)),
      ),
      ...ids(0, 12).map((id) => status(id.padEnd(950), 'x'.repeat(1_000))),
      status('d0'.padEnd(950), 'Complete'),
      status('d20'.padEnd(950), 'y'.repeat(500)),
    ],
  ],
  [
    'an unlinking between two links',
    [
      manifest('l', 'c', ['d1']),
      unlinked('c'),
      part('l', 'c', ['d2']),
      manifest('m', 'c', ['d2', 'd3']),
      badRecord(),
      status('d2', 'Complete'),
      status('d3', 'NotSupported'),
      repairing([4], status('d3', 'Queued', { trigger: 'REFRESH' })),
    ],
  ],
])('%s: the verdict is that of the reference model', (_, drafts) => {
  const records = historyOf(drafts);
  expect(judged(records)).toEqual(byReference(records));
});
