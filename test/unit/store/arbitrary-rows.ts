/** Any row that the rules could ever make, for property tests. */
import fc from 'fast-check';
import { DEAD_LETTER_CODES } from '../../../src/domain/events.js';
import type { CompanyRow, DatasetRow, FirstSyncRow, HoldRow, InfoRow } from '../../../src/domain/rows.js';
import { KNOWN_STATUSES } from '../../../src/domain/statuses.js';
import type { PositionRow } from '../../../src/store/row-codec.js';

const count = fc.nat({ max: 20_000 });
const offset = fc.maxSafeNat();
/** As far as the decoder of records lets them through. */
const timestamp = fc.integer({ min: -(2 ** 52) + 1, max: 2 ** 52 - 1 });
/** Well-formed text, as UTF-8 can carry it. */
export const text = fc.string({ unit: 'binary', maxLength: 300 });
const uuid = fc.uuid();
/** Ids as sources give them: mostly UUIDs, and texts that look nearly like one. */
export const id = fc.oneof(
  uuid,
  uuid.map((u) => u.toUpperCase()),
  uuid.map((u) => u.replaceAll('-', '')),
  uuid.map((u) => u.replace('-', '_')),
  text,
);

export const datasetRow: fc.Arbitrary<DatasetRow> = fc.record({
  place: fc.option(fc.record({ link: count, connection: count, dataType: text })),
  status: fc.oneof(fc.constantFrom(...KNOWN_STATUSES), text),
  revision: fc.option(
    fc.oneof(
      fc.maxSafeInteger().map((revision) => (Object.is(revision, -0) ? 0 : revision)),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    ),
  ),
  offset,
  timestamp,
});

export const infoRow: fc.Arbitrary<InfoRow> = fc.record({
  clientId: id,
  companyName: text,
  connections: fc.array(fc.record({ connectionId: id, sourceType: text }), { maxLength: 5 }),
  links: fc.array(fc.record({ linkId: id, connection: count, sealed: fc.boolean(), endedAt: fc.option(offset) }), {
    maxLength: 5,
  }),
});

export const firstSyncRow: fc.Arbitrary<FirstSyncRow> = fc.record({ linkedAt: fc.option(timestamp), failures: count });

export const companyRow: fc.Arbitrary<CompanyRow> = fc.oneof(
  fc.record({
    outcome: fc.constant('pending' as const),
    named: count,
    unfinished: count,
    laterFinished: fc.constantFrom(0, null),
    succeeded: count,
    early: count,
    forgotten: count,
    holds: count,
    links: count,
    unsealed: count,
    announcementBytes: fc.nat({ max: 10_000_000 }),
    endedLinks: fc.bigInt({ min: 0n, max: 2n ** 400n }),
    stalled: fc.boolean(),
    failureReported: fc.boolean(),
    progressHour: fc.integer({ min: -1, max: 1_000_000 }),
  }),
  fc.record({
    outcome: fc.constant('announced' as const),
    policy: fc.constantFrom('FIRST_DATASET' as const, 'ALL_DATASETS' as const),
    offset,
    synchronizedAt: timestamp,
    named: count,
    succeeded: count.map((succeeded) => Math.max(1, succeeded)),
    failed: count,
    ended: count,
  }),
  fc.record({ outcome: fc.constantFrom('announced-elsewhere' as const, 'deleted' as const), offset, timestamp }),
);

export const holdRow: fc.Arbitrary<HoldRow> = fc.record({ code: fc.constantFrom(...DEAD_LETTER_CODES), timestamp });

export const positionRow: fc.Arbitrary<PositionRow> = fc.record({
  topic: text,
  offset,
  countedUnder: fc.integer({ min: 1, max: 20 }),
});
