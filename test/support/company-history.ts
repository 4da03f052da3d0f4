/**
 * fast-check arbitraries for the whole history of one company. The alphabets are tiny on purpose: what is hard about the
 * rules is how records meet (a late part of an ended link, a status before its manifest, a repair of a hold that is
 * gone), and with two connections and four datasets they meet all the time.
 */
import * as fc from 'fast-check';
import type {
  HistoryContext,
  HistoryRecord,
  PoisonRecord,
  ReferencePayload,
  TriggerPolicy,
} from '../../testkit/reference-model.js';
import { HOUR_MS } from '../../src/lib/time-units.js';

export const CONTEXT: HistoryContext = {
  companyId: 'company-1',
  topic: 'sync-events',
  partition: 3,
  allDatasetsFrom: Date.parse('2023-10-10T00:00:00Z'),
  eventNamespace: 'company-sync',
};

const POISON_CODES: PoisonRecord['code'][] = ['bad-framing', 'unknown-schema', 'undecodable', 'key-mismatch'];

const id = (prefix: string, count: number) => fc.integer({ min: 1, max: count }).map((n) => `${prefix}${n}`);
const connectionId = id('connection-', 2);
const datasetId = id('dataset-', 4);

const manifest: fc.Arbitrary<ReferencePayload> = fc.record({
  type: fc.constant('LinkSyncQueued' as const),
  linkId: id('link-', 3),
  connectionId,
  sourceType: id('source-', 2),
  companyName: id('name-', 2),
  datasets: fc.array(fc.record({ datasetId, dataType: id('type-', 2) }), { maxLength: 3 }),
  isFinal: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
});

const statusWord = fc.oneof(
  { weight: 6, arbitrary: fc.constant('Complete') },
  { weight: 3, arbitrary: fc.constantFrom('FetchError', 'PrerequisiteNotMet', 'Cancelled', 'NotSupported') },
  { weight: 3, arbitrary: fc.constantFrom('Initial', 'Queued', 'Fetching', 'Validating') },
  { weight: 3, arbitrary: fc.constantFrom('RoutingError', 'RoutingError', 'Routing') },
  { weight: 1, arbitrary: fc.constantFrom('', 'complete', 'Complete ', 'Exploded', 'constructor', '__proto__') },
);

const BEYOND_DOUBLES = 2n ** 53n;
const revision = fc.oneof(
  { weight: 4, arbitrary: fc.constant(null) },
  { weight: 5, arbitrary: fc.integer({ min: -1, max: 5 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(Number.MAX_SAFE_INTEGER, BEYOND_DOUBLES, BEYOND_DOUBLES + 1n, 2n ** 63n - 1n),
  },
);

const status: fc.Arbitrary<ReferencePayload> = fc.record({
  type: fc.constant('DatasetStatusChanged' as const),
  datasetId,
  status: statusWord,
  trigger: fc.oneof(
    { weight: 5, arbitrary: fc.constant('LINK' as const) },
    { weight: 1, arbitrary: fc.constantFrom('REFRESH' as const, 'UNKNOWN' as const) },
  ),
  revision,
});

const unlinked: fc.Arbitrary<ReferencePayload> = fc.record({
  type: fc.constant('ConnectionUnlinked' as const),
  connectionId: id('connection-', 3),
});

const payload = fc.oneof(
  { weight: 20, arbitrary: manifest },
  { weight: 50, arbitrary: status },
  { weight: 7, arbitrary: unlinked },
  { weight: 1, arbitrary: fc.constant<ReferencePayload>({ type: 'CompanyDeleted' }) },
  { weight: 1, arbitrary: fc.constant<ReferencePayload>({ type: 'AnnouncedElsewhere' }) },
);

/** A repair before it is known which records are poison: the nth latest poison record, or a `repairs` header as it is. */
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

/** Milliseconds from the date at which ALL_DATASETS comes into force, both sides and the very edge of it. */
const beforeTheDate = fc.integer({ min: -3 * HOUR_MS, max: -1 });
const fromTheDateOn = fc.integer({ min: 0, max: 3 * HOUR_MS });
const aroundTheDate = fc.oneof(fc.integer({ min: -2, max: 2 }), beforeTheDate, fromTheDateOn);

interface RecordDraft {
  /** From the record before: other companies' records and transaction markers lie between. */
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
    | { readonly kind: 'poison'; readonly code: PoisonRecord['code'] };
}

function recordDraft(sinceTheDate: fc.Arbitrary<number>): fc.Arbitrary<RecordDraft> {
  const event = fc.record({
    kind: fc.constant('event' as const),
    clientId: id('client-', 2),
    clientSetting,
    repairs,
    payload,
  });
  const poison = fc.record({ kind: fc.constant('poison' as const), code: fc.constantFrom(...POISON_CODES) });
  const content = fc.oneof({ weight: 16, arbitrary: event }, { weight: 1, arbitrary: poison });
  return fc.record({ offsetStep: fc.integer({ min: 1, max: 3 }), sinceTheDate, content });
}

function historyOf(sinceTheDate: fc.Arbitrary<number>): fc.Arbitrary<HistoryRecord[]> {
  return fc.array(recordDraft(sinceTheDate), { minLength: 1, maxLength: 40, size: 'max' }).map(lay);
}

/** Histories of one company, in the order of their offsets; most around the date at which ALL_DATASETS comes into force. */
export const companyHistory: fc.Arbitrary<HistoryRecord[]> = fc.oneof(
  { weight: 3, arbitrary: historyOf(fromTheDateOn) },
  { weight: 1, arbitrary: historyOf(beforeTheDate) },
  { weight: 2, arbitrary: historyOf(aroundTheDate) },
);

/** Lays drafts out in a log: gives them offsets and turns repairs into the ids of the poison records that they mean. */
function lay(drafts: readonly RecordDraft[]): HistoryRecord[] {
  let offset = -1;
  const poisonIds: string[] = [];
  return drafts.map(({ offsetStep, sinceTheDate, content }): HistoryRecord => {
    offset += offsetStep;
    const at = { offset, timestamp: CONTEXT.allDatasetsFrom + sinceTheDate };
    if (content.kind === 'poison') {
      poisonIds.unshift(`${CONTEXT.partition}/${offset}`);
      return { ...at, ...content };
    }
    const meant = content.repairs.map((repair) => ('header' in repair ? repair.header : poisonIds[repair.latest]));
    return { ...at, ...content, repairs: meant.filter((header) => header !== undefined) };
  });
}
