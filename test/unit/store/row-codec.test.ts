import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { DEAD_LETTER_CODES } from '../../../src/domain/events.js';
import type {
  CompanyRow,
  DatasetRow,
  FirstSyncRow,
  HoldRow,
  InfoRow,
  PendingCompany,
} from '../../../src/domain/rows.js';
import { ByteWriter } from '../../../src/lib/byte-writer.js';
import { CorruptStoreError } from '../../../src/store/key-value-store.js';
import {
  decodeCompanyRow,
  decodeDatasetRow,
  decodeFirstSyncRow,
  decodeHoldRow,
  decodeInfoRow,
  decodeOriginRow,
  decodePositionRow,
  writeCompanyRow,
  writeDatasetRow,
  writeFirstSyncRow,
  writeHoldRow,
  writeInfoRow,
  writeOriginRow,
  writePositionRow,
  type OriginRow,
  type PositionRow,
} from '../../../src/store/row-codec.js';
import * as rowCodec from '../../../src/store/row-codec.js';
import { UnknownRowVersionError } from '../../../src/store/row-version.js';
import { companyRow, datasetRow, firstSyncRow, holdRow, infoRow, positionRow } from './arbitrary-rows.js';

function encoded<T>(write: (to: ByteWriter, row: T) => void, row: T): Buffer {
  const to = new ByteWriter();
  to.begin();
  write(to, row);
  return to.end();
}

describe('every row is read as it was written', () => {
  test('company', () =>
    fc.assert(fc.property(companyRow, (row) => expect(decodeCompanyRow(encoded(writeCompanyRow, row))).toEqual(row))));
  test('info', () =>
    fc.assert(fc.property(infoRow, (row) => expect(decodeInfoRow(encoded(writeInfoRow, row))).toEqual(row))));
  test('first-sync', () =>
    fc.assert(
      fc.property(firstSyncRow, (row) => expect(decodeFirstSyncRow(encoded(writeFirstSyncRow, row))).toEqual(row)),
    ));
  test('dataset', () =>
    fc.assert(fc.property(datasetRow, (row) => expect(decodeDatasetRow(encoded(writeDatasetRow, row))).toEqual(row))));
  test('hold', () =>
    fc.assert(fc.property(holdRow, (row) => expect(decodeHoldRow(encoded(writeHoldRow, row))).toEqual(row))));
  test('position', () =>
    fc.assert(
      fc.property(positionRow, (row) => expect(decodePositionRow(encoded(writePositionRow, row))).toEqual(row)),
    ));
});

test('rows written one after the other do not overwrite each other, however the buffer grows', () => {
  fc.assert(
    fc.property(fc.array(infoRow, { minLength: 50, maxLength: 50 }), (rows) => {
      const to = new ByteWriter(16);
      const slices = rows.map((row) => {
        to.begin();
        writeInfoRow(to, row);
        return to.end();
      });
      expect(slices.map(decodeInfoRow)).toEqual(rows);
    }),
    { numRuns: 10 },
  );
});

const early: DatasetRow = {
  place: null,
  status: 'Pondering',
  revision: -9_223_372_036_854_775_808n,
  offset: 7,
  timestamp: 1_700_000_000_123,
};

describe('every later release reads the rows of earlier ones', () => {
  const pending = {
    outcome: 'pending',
    named: 20,
    unfinished: 3,
    laterFinished: 0,
    succeeded: 15,
    early: 2,
    forgotten: 500,
    holds: 1,
    links: 3,
    unsealed: 1,
    endedLinks: 0b101n,
    announcementBytes: 0,
    stalled: true,
    failureReported: false,
    progressHour: 472_222,
  } satisfies CompanyRow as PendingCompany;
  const announced: CompanyRow = {
    outcome: 'announced',
    policy: 'ALL_DATASETS',
    offset: 9_007_199_254_740_991,
    synchronizedAt: 1_700_000_000_123,
    named: 20,
    succeeded: 17,
    failed: 2,
    ended: 1,
  };
  const announcedElsewhere: CompanyRow = { outcome: 'announced-elsewhere', offset: 300, timestamp: 1_700_000_000_123 };
  const deleted: CompanyRow = { outcome: 'deleted', offset: 300, timestamp: -1 };
  const info: InfoRow = {
    clientId: 'client-1',
    companyName: 'Müller & Söhne',
    connections: [{ connectionId: '0f8fad5b-d9cb-469f-a165-70867728950e', sourceType: 'Accounting' }],
    links: [
      { linkId: '7c9e6679-7425-40de-944b-e07fc1f90ae7', connection: 0, sealed: true, endedAt: null },
      { linkId: 'L-2', connection: 0, sealed: false, endedAt: 4_294_967_296 },
    ],
  };
  const named: DatasetRow = {
    place: { link: 1, connection: 200, dataType: 'banking-transactions' },
    status: 'Complete',
    revision: 129,
    offset: 1_000_000,
    timestamp: 1_700_000_000_123,
  };
  const hold: HoldRow = { code: 'too-many-datasets', timestamp: 1_700_000_000_123 };
  const position: PositionRow = { topic: 'sync-events', offset: 12_345_678, countedUnder: 1 };
  const tooLarge: HoldRow = { ...hold, code: 'too-large' };
  const marked: CompanyRow = { ...pending, laterFinished: null };
  const measured: CompanyRow = { ...marked, announcementBytes: 6 * 1024 * 1024 };
  const failed: CompanyRow = { ...measured, stalled: false, failureReported: true };
  const firstSync: FirstSyncRow = { linkedAt: 1_700_000_000_123, failures: 2 };
  const firstSyncOfOlder: FirstSyncRow = { linkedAt: null, failures: 1 };
  const counted: PositionRow = { ...position, countedUnder: 2 };
  const origin: OriginRow = new Map([['EVENT_NAMESPACE', 'company-sync']]);

  const rows: [string, Buffer, (bytes: Buffer) => unknown, unknown][] = [
    ['company-pending', encoded(writeCompanyRow, pending), decodeCompanyRow, pending],
    ['company-pending-later', encoded(writeCompanyRow, marked), decodeCompanyRow, marked],
    ['company-pending-measured', encoded(writeCompanyRow, measured), decodeCompanyRow, measured],
    ['company-pending-failed', encoded(writeCompanyRow, failed), decodeCompanyRow, failed],
    ['firstsync', encoded(writeFirstSyncRow, firstSync), decodeFirstSyncRow, firstSync],
    ['firstsync-of-older', encoded(writeFirstSyncRow, firstSyncOfOlder), decodeFirstSyncRow, firstSyncOfOlder],
    ['company-announced', encoded(writeCompanyRow, announced), decodeCompanyRow, announced],
    ['company-announced-elsewhere', encoded(writeCompanyRow, announcedElsewhere), decodeCompanyRow, announcedElsewhere],
    ['company-deleted', encoded(writeCompanyRow, deleted), decodeCompanyRow, deleted],
    ['info', encoded(writeInfoRow, info), decodeInfoRow, info],
    ['dataset-named', encoded(writeDatasetRow, named), decodeDatasetRow, named],
    ['dataset-early', encoded(writeDatasetRow, early), decodeDatasetRow, early],
    ['hold', encoded(writeHoldRow, hold), decodeHoldRow, hold],
    ['hold-too-large', encoded(writeHoldRow, tooLarge), decodeHoldRow, tooLarge],
    ['position', encoded(writePositionRow, position), decodePositionRow, position],
    ['position-counted', encoded(writePositionRow, counted), decodePositionRow, counted],
    ['origin', encoded(writeOriginRow, origin), decodeOriginRow, origin],
  ];

  test('each kind of row is among them', () => {
    const kinds = Object.keys(rowCodec).flatMap((name) => /^write(\w+)Row$/.exec(name)?.[1]?.toLowerCase() ?? []);
    expect(kinds.filter((kind) => !rows.some(([name]) => name.split('-')[0] === kind))).toEqual([]);
  });

  test.each(rows)('%s', (name, bytes, decode, row) => {
    const golden = Buffer.from(readFileSync(join(__dirname, 'golden', `${name}.hex`), 'utf8').trim(), 'hex');
    expect(decode(golden)).toEqual(row);
    expect(bytes.toString('hex')).toBe(golden.toString('hex'));
  });
});

/** The first release knows the codes from 0 to 5, and blocks a partition at a row with another one. */
test.each(DEAD_LETTER_CODES)('a hold of %s is a hold for every older release', (code) => {
  const LAST_OF_THE_FIRST_RELEASE = 5;
  expect(encoded(writeHoldRow, { code, timestamp: 0 })[1]).toBeLessThanOrEqual(LAST_OF_THE_FIRST_RELEASE);
});

describe('a release that knows no later words reads', () => {
  /** Its varints: it reads bytes as long as they continue, and does not check the last one. */
  function varint(bytes: Buffer, at: number): [value: number, next: number] {
    let value = 0;
    for (let unit = 1; ; unit *= 0x80) {
      const byte = bytes[at++] as number;
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return [value, at];
    }
  }

  test('the counts by its own words, and ended links, of a company with datasets finished by a later word or failed', () => {
    fc.assert(
      fc.property(companyRow, fc.nat(100), (row, laterFinished) => {
        fc.pre(row.outcome === 'pending');
        const counted = { ...row, laterFinished };
        const bytes = encoded(writeCompanyRow, counted);
        const asOld = encoded(writeCompanyRow, {
          ...row,
          unfinished: row.unfinished + laterFinished,
          laterFinished: 0,
          failureReported: false,
        });
        const bitsOf = (all: Buffer) => {
          let at = 2;
          for (let field = 0; field < 9; field++) [, at] = varint(all, at);
          const [length, start] = varint(all, at);
          expect(start + length).toBe(all.length);
          return { counts: all.subarray(0, at), bits: BigInt(`0x0${all.subarray(start).toString('hex')}`) };
        };
        expect(bitsOf(bytes)).toEqual(bitsOf(asOld));
        expect(decodeCompanyRow(bytes)).toEqual(
          laterFinished === 0 ? counted : { ...row, unfinished: row.unfinished + laterFinished, laterFinished: null },
        );
      }),
    );
  });

  test('the offset of a position row, whatever vocabulary the companies were counted under', () => {
    fc.assert(
      fc.property(positionRow, (row) => {
        const bytes = encoded(writePositionRow, row);
        const [length, start] = varint(bytes, 1);
        expect(varint(bytes, start + length)).toEqual([row.offset, bytes.length]);
      }),
    );
  });

  test('a later word as text', () => {
    for (const status of ['Routing', 'RoutingError'])
      expect(
        encoded(writeDatasetRow, { ...early, status })
          .subarray(0, 3 + status.length)
          .toString('latin1'),
      ).toContain(status);
  });
});

test('a position row with more padding than any release writes is corrupt', () => {
  const row = { topic: 't', offset: 5, countedUnder: 66 };
  expect(() => decodePositionRow(encoded(writePositionRow, row))).toThrow(CorruptStoreError);
});

test('flags of a first-sync row that no release writes are corrupt', () => {
  expect(() => decodeFirstSyncRow(Buffer.of(1, 2, 0))).toThrow(CorruptStoreError);
});

test.each([
  ['company row', decodeCompanyRow],
  ['info row', decodeInfoRow],
  ['first-sync row', decodeFirstSyncRow],
  ['dataset row', decodeDatasetRow],
  ['hold row', decodeHoldRow],
  ['position row', decodePositionRow],
  ['origin row', decodeOriginRow],
])('a %s of a later version is refused, with its kind, its version and what to do', (kind, decode) => {
  const refused = () => decode(Buffer.of(2, 0, 0));
  expect(refused).toThrow(UnknownRowVersionError);
  expect(refused).toThrow(new RegExp(`${kind} version 2 .*newer.* Run that release`));
});

test('a status code of a later release is refused, not guessed', () => {
  expect(() => decodeDatasetRow(Buffer.of(1, 0, 200, 0, 0))).toThrow(UnknownRowVersionError);
});

test('a row cut short or too long is corrupt', () => {
  fc.assert(
    fc.property(datasetRow, fc.nat(), (row, cut) => {
      const bytes = encoded(writeDatasetRow, row);
      expect(() => decodeDatasetRow(bytes.subarray(0, cut % bytes.length))).toThrow(CorruptStoreError);
      expect(() => decodeDatasetRow(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(CorruptStoreError);
    }),
  );
});

test('a number that is not an unsigned integer is never written', () => {
  const row = { topic: 't', offset: 0, countedUnder: 1 };
  for (const offset of [-1, 0.5, NaN, 2 ** 53])
    expect(() => encoded(writePositionRow, { ...row, offset })).toThrow(RangeError);
});
