/**
 * fast-check arbitraries for the whole history of one company. The sets of ids are small on purpose. The hard cases of
 * the rules are combinations of records: a late part of an ended link, a status before its manifest, a repair of a hold
 * that was lifted before. With two connections and four datasets such combinations occur all the time.
 */
import * as fc from 'fast-check';
import type {
  BadRecord,
  HistoryContext,
  HistoryRecord,
  LimitCode,
  ReferencePayload,
  TriggerPolicy,
} from '../../testkit/reference-model.js';
import { HOUR_MS } from '../../src/lib/time-units.js';
import { id, randomPayload } from './payloads.js';

export const CONTEXT: HistoryContext = {
  companyId: 'company-1',
  topic: 'sync-events',
  partition: 3,
  allDatasetsFrom: Date.parse('2023-10-10T00:00:00Z'),
  eventNamespace: 'company-sync',
};

/** The codes that depend on the record alone. The model itself finds out which records exceed a limit. */
const CODES_OF_RECORDS = {
  'bad-framing': true,
  'unknown-schema': true,
  undecodable: true,
  'key-mismatch': true,
} as const satisfies Record<Exclude<BadRecord['code'], LimitCode>, true>;
const RECORD_CODES = Object.keys(CODES_OF_RECORDS) as (keyof typeof CODES_OF_RECORDS)[];

/**
 * A repair in a draft, when it is not known yet which records are bad: the nth latest bad record, or a literal
 * `repairs` header.
 */
type RepairDraft = { readonly latest: number } | { readonly header: string };

const repairs = fc.oneof(
  { weight: 2, arbitrary: fc.constant<RepairDraft[]>([]) },
  {
    weight: 1,
    arbitrary: fc.array(
      fc.oneof<fc.WeightedArbitrary<RepairDraft>[]>(
        { weight: 6, arbitrary: fc.record({ latest: fc.nat(2) }) },
        {
          weight: 1,
          arbitrary: fc.record({ header: fc.constantFrom('', 'nonsense', '3/99999', '4/1', '3/1', '3/01') }),
        },
      ),
      { maxLength: 3 },
    ),
  },
);

const clientSetting = fc.constantFrom<(TriggerPolicy | null)[]>(null, 'FIRST_DATASET', 'ALL_DATASETS', 'ALL_DATASETS');

/** Milliseconds relative to ALL_DATASETS_FROM: before it, after it, and exactly at it. */
const beforeTheDate = fc.integer({ min: -3 * HOUR_MS, max: -1 });
const fromTheDateOn = fc.integer({ min: 0, max: 3 * HOUR_MS });
const aroundTheDate = fc.oneof(fc.integer({ min: -2, max: 2 }), beforeTheDate, fromTheDateOn);

interface RecordDraft {
  /** The distance from the previous record. Other companies' records and transaction markers are in between. */
  readonly offsetStep: number;
  readonly sinceTheDate: number;
  readonly content:
    | {
        readonly kind: 'event';
        readonly clientId: string;
        readonly clientSetting: TriggerPolicy | null;
        readonly repairs: readonly RepairDraft[];
        readonly payload: ReferencePayload;
      }
    | { readonly kind: 'bad-record'; readonly code: BadRecord['code'] };
}

function recordDraft(sinceTheDate: fc.Arbitrary<number>): fc.Arbitrary<RecordDraft> {
  const event = fc.record({
    kind: fc.constant('event' as const),
    clientId: id('client-', 2),
    clientSetting,
    repairs,
    payload: randomPayload,
  });
  const badRecord = fc.record({ kind: fc.constant('bad-record' as const), code: fc.constantFrom(...RECORD_CODES) });
  const content = fc.oneof({ weight: 16, arbitrary: event }, { weight: 1, arbitrary: badRecord });
  return fc.record({ offsetStep: fc.integer({ min: 1, max: 3 }), sinceTheDate, content });
}

function historyOf(sinceTheDate: fc.Arbitrary<number>): fc.Arbitrary<HistoryRecord[]> {
  return fc.array(recordDraft(sinceTheDate), { minLength: 1, maxLength: 40, size: 'max' }).map(lay);
}

/** Histories of one company, in the order of their offsets. Most timestamps are near ALL_DATASETS_FROM. */
export const companyHistory: fc.Arbitrary<HistoryRecord[]> = fc.oneof(
  { weight: 3, arbitrary: historyOf(fromTheDateOn) },
  { weight: 1, arbitrary: historyOf(beforeTheDate) },
  { weight: 2, arbitrary: historyOf(aroundTheDate) },
);

/** Turns drafts into records of a log: gives them offsets, and replaces each repair by the id of its bad record. */
function lay(drafts: readonly RecordDraft[]): HistoryRecord[] {
  let offset = -1;
  const badRecordIds: string[] = [];
  return drafts.map(({ offsetStep, sinceTheDate, content }): HistoryRecord => {
    offset += offsetStep;
    const at = { offset, timestamp: CONTEXT.allDatasetsFrom + sinceTheDate };
    if (content.kind === 'bad-record') {
      badRecordIds.unshift(`${CONTEXT.partition}/${offset}`);
      return { ...at, ...content };
    }
    const meant = content.repairs.map((repair) => ('header' in repair ? repair.header : badRecordIds[repair.latest]));
    return { ...at, ...content, repairs: meant.filter((header) => header !== undefined) };
  });
}
