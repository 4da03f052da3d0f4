/**
 * The rules against the reference model, over random histories of one company.
 *
 * By default each property has 1,000 histories, or as many as 4 s allow. FC_RUNS sets another number, without limit of
 * time; FC_SEED and FC_PATH repeat a failure as fast-check printed it: `FC_RUNS=1000000 npx jest
 * test/unit/domain/properties --selectProjects unit --testTimeout 36000000`
 */
import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { companyHistory, CONTEXT } from '../../support/company-history.js';
import { judgeCompany, type HistoryRecord, type Standing, type Verdict } from '../../../testkit/reference-model.js';
import { asOldReleaseReads, CompanyInStore } from './company-in-store.js';

const TIME_LIMIT_MS = 4_000;
const { FC_RUNS, FC_SEED, FC_PATH } = process.env;
const PARAMETERS: fc.Parameters<unknown> = {
  ...(FC_RUNS === undefined
    ? { numRuns: 1_000, interruptAfterTimeLimit: TIME_LIMIT_MS }
    : { numRuns: Number(FC_RUNS) }),
  ...(FC_SEED === undefined ? {} : { seed: Number(FC_SEED) }),
  ...(FC_PATH === undefined ? {} : { path: FC_PATH }),
};

/**
 * What happens after each record, repeated as a cycle: the batch continues, ends, or ends and the rows leave memory.
 */
const batching = fc.array(fc.constantFrom('go-on', 'settle', 'settle-and-evict', 'crash'), {
  minLength: 1,
  maxLength: 8,
});
type AfterRecord = 'go-on' | 'settle' | 'settle-and-evict' | 'crash';

describe('random histories of a company', () => {
  test('are judged as the reference model does, with all rows in memory, and counted so after every record', () => {
    fc.assert(
      fc.property(companyHistory, (history) => {
        const verdict = judgeCompany(history, CONTEXT);
        const company = new CompanyInStore(CONTEXT);
        history.forEach((record, i) => {
          company.apply(record);
          expectStanding(company, verdict.standings[i] ?? null);
        });
        company.settle();
        expectVerdict(company, verdict);
      }),
      PARAMETERS,
    );
  });

  test('are judged as the reference model does with only the rows that each record names, loaded again each time', () => {
    fc.assert(
      fc.property(companyHistory, (history) => {
        const verdict = judgeCompany(history, CONTEXT);
        const company = new CompanyInStore(CONTEXT);
        history.forEach((record, i) => {
          company.evict();
          company.apply(record);
          expectStanding(company, verdict.standings[i] ?? null);
          company.settle();
        });
        expectVerdict(company, verdict);
      }),
      PARAMETERS,
    );
  });

  test('are judged as the reference model does in batches of any size, kept in memory, dropped or crashed', () => {
    fc.assert(
      fc.property(companyHistory, batching, (history, afterRecord) => {
        const company = applyInBatches(history, afterRecord);
        expectVerdict(company, judgeCompany(history, CONTEXT));
      }),
      PARAMETERS,
    );
  });

  test('leave the same rows however they are cut into batches', () => {
    fc.assert(
      fc.property(companyHistory, batching, batching, (history, oneWay, another) => {
        const rows = applyInBatches(history, oneWay).stored;
        if (!isDeepStrictEqual(applyInBatches(history, another).stored, rows)) expect(rows).toBe('the same rows');
      }),
      PARAMETERS,
    );
  });

  test('leave only one small row of a company that was announced, here or elsewhere, or deleted', () => {
    fc.assert(
      fc.property(companyHistory, batching, (history, afterRecord) => {
        const { outcome, announcement } = judgeCompany(history, CONTEXT);
        fc.pre(outcome !== 'pending');
        const { stored } = applyInBatches(history, afterRecord);
        const others = [stored.info, stored.firstSync, stored.datasets, stored.holds];
        expect(others.map(({ size }) => size)).toEqual([0, 0, 0, 0]);
        expect(stored.company.get('')).toMatchObject(
          announcement === null
            ? { outcome }
            : {
                outcome,
                policy: announcement.trigger,
                offset: announcement.source.offset,
                synchronizedAt: announcement.synchronizedAt,
                named: announcement.datasets.length,
                succeeded: announcement.succeeded,
                failed: announcement.failed,
                ended: announcement.ended,
              },
        );
      }),
      PARAMETERS,
    );
  });
});

/** Which release reads how many records, and whether the new one makes its pass before it reads them. */
const eras = fc.array(
  fc.record({
    release: fc.constantFrom('old' as const, 'new' as const),
    records: fc.integer({ min: 1, max: 25 }),
    pass: fc.boolean(),
  }),
  { minLength: 1, maxLength: 5 },
);
type Era = { readonly release: 'old' | 'new'; readonly records: number; readonly pass: boolean };

/** The era of each record: the last era lasts to the end. */
function eraOf(eras: readonly Era[], i: number): Era {
  let end = 0;
  return eras.find(({ records }) => i < (end += records)) ?? (eras.at(-1) as Era);
}

describe('a company whose partition moves between a release that knows later words and one that does not', () => {
  test('is counted and judged as the reference model does, at its next record or by the pass', () => {
    fc.assert(
      fc.property(companyHistory, eras, fc.boolean(), (history, eras, evicting) => {
        const releases = new Map(history.map(({ offset }, i) => [offset, eraOf(eras, i).release]));
        const knewLaterWordsAt = (offset: number) => releases.get(offset) === 'new';
        const verdict = judgeCompany(history, { ...CONTEXT, knewLaterWordsAt, reportedFailuresAt: knewLaterWordsAt });
        const company = new CompanyInStore(CONTEXT);
        let before: Era | null = null;
        history.forEach((record, i) => {
          const era = eraOf(eras, i);
          if (era.release !== before?.release) company.changeRelease(era.release);
          const elsewhere = record.kind === 'event' && record.payload.type === 'AnnouncedElsewhere';
          if (era !== before && era.release === 'new' && era.pass && !elsewhere) company.recount();
          before = era;
          if (evicting) company.evict();
          company.apply(era.release === 'old' ? asOldReleaseReads(record) : record);
          expectStanding(company, verdict.standings[i] ?? null);
          company.settle();
        });
        expectVerdict(company, verdict);
      }),
      PARAMETERS,
    );
  });
});

function applyInBatches(history: readonly HistoryRecord[], afterRecord: readonly AfterRecord[]): CompanyInStore {
  const company = new CompanyInStore(CONTEXT);
  let batch: HistoryRecord[] = [];
  history.forEach((record, i) => {
    batch.push(record);
    const after = i === history.length - 1 ? 'settle' : (afterRecord[i % afterRecord.length] as AfterRecord);
    if (after === 'go-on') return;
    company.apply(...batch);
    if (after === 'crash') {
      company.crash();
      company.apply(...batch);
    }
    company.settle();
    if (after === 'settle-and-evict') company.evict();
    batch = [];
  });
  return company;
}

function expectStanding(company: CompanyInStore, standing: Standing | null): void {
  const row = company.company;
  const pending = row === null || row.outcome === 'pending' ? row : undefined;
  if (standing === null) return expect(pending).toBeUndefined();
  const counts = pending ?? {
    links: 0,
    unsealed: 0,
    named: 0,
    unfinished: 0,
    succeeded: 0,
    early: 0,
    forgotten: 0,
    holds: 0,
  };
  const { links, unsealed, named, unfinished, succeeded, early, forgotten, holds } = counts;
  const counted = { links, unsealed, named, unfinished, succeeded, early, forgotten, holds };
  const recounted = {
    links: standing.links,
    unsealed: standing.unsealedLinks.length,
    named: standing.named,
    unfinished: standing.waitingFor.length,
    succeeded: standing.succeeded,
    early: standing.early,
    forgotten: standing.forgotten,
    holds: standing.heldBy.length,
  };
  if (!isDeepStrictEqual(counted, recounted)) expect(counted).toEqual(recounted);
}

/** `company` must be settled. */
function expectVerdict(company: CompanyInStore, verdict: Verdict): void {
  const judged = {
    outcome: company.company?.outcome ?? 'pending',
    announcements: company.announcements,
    failures: company.failures,
    tooManyDatasets: company.tooManyDatasets,
    openHolds: [...company.stored.holds.keys()].sort(),
  };
  const expected = {
    outcome: verdict.outcome,
    announcements: verdict.announcement === null ? [] : [verdict.announcement],
    failures: verdict.failures,
    tooManyDatasets: verdict.tooManyDatasets,
    openHolds: verdict.openHolds,
  };
  if (!isDeepStrictEqual(judged, expected)) expect(judged).toEqual(expected);
}
