import { isDeepStrictEqual } from 'node:util';
import * as meta from '../../../src/store/partition-meta.js';
import * as codec from '../../../src/store/row-codec.js';
import { companyKey, datasetKey, holdKey, parseRowKey } from '../../../src/store/row-keys.js';
import { ByteWriter } from '../../../src/lib/byte-writer.js';
import { ContradictionError, MIB, samplesOf, type FuzzTarget } from '../target.js';

type Codec = readonly [
  name: string,
  decode: (bytes: Buffer) => unknown,
  write: ((to: ByteWriter, row: never) => void) | null,
];

/** A new one comes last: the files of the corpus name them by their numbers. */
const CODECS: readonly Codec[] = [
  ['company', codec.decodeCompanyRow, codec.writeCompanyRow],
  ['info', codec.decodeInfoRow, codec.writeInfoRow],
  ['dataset', codec.decodeDatasetRow, codec.writeDatasetRow],
  ['hold', codec.decodeHoldRow, codec.writeHoldRow],
  ['position', codec.decodePositionRow, codec.writePositionRow],
  ['origin', codec.decodeOriginRow, codec.writeOriginRow],
  ['key', parseRowKey, null],
  ['undo', meta.decodeUndo, null],
  ['identity', meta.decodeIdentity, null],
  ['followed log', meta.decodeFollowedLog, null],
  ['followed epoch', meta.decodeFollowedEpoch, null],
  ['changelog position', meta.decodeChangelogPosition, null],
  ['former offset', meta.decodeFormerOffset, null],
  ['own batch', (bytes: Buffer) => meta.isPosition(bytes, 0), null],
  ['first-sync', codec.decodeFirstSyncRow, codec.writeFirstSyncRow],
];

/** A byte for the kind of row, then a value or key of the store or of the changelog. */
export const rows: FuzzTarget = {
  name: 'rows',
  input: 'rows and keys of STATE_DIR and of the changelog',
  mayThrow: ['CorruptStoreError', 'UnknownRowVersionError'],
  maxMs: 100,
  maxBytes: { fixed: 2 * MIB, perByte: 1_000 },
  maxInputBytes: 4 * 1024,
  tokens: ['Complete', 'Fetching', 'company-sync'],
  samples,
  open: () => ({ run }),
};

function run(input: Buffer): void {
  const [name, decode, write] = CODECS[(input[0] ?? 0) % CODECS.length] as Codec;
  const row = decode(input.subarray(1));
  if (write === null) return;
  const again = decode(written(write, row as never));
  if (!isDeepStrictEqual(again, row)) throw new ContradictionError(`a ${name} row changes when it is written again`);
}

function written(write: (to: ByteWriter, row: never) => void, row: never): Buffer {
  const to = new ByteWriter();
  to.begin();
  write(to, row);
  return Buffer.from(to.end());
}

function samples(): ReadonlyMap<string, Buffer> {
  const numbered = (name: string, bytes: Buffer): Buffer =>
    Buffer.concat([Buffer.of(CODECS.findIndex(([each]) => each === name)), bytes]);
  const row = <T>(name: string, write: (to: ByteWriter, row: T) => void, value: T): Buffer =>
    numbered(name, written(write, value as never));
  const place = { link: 1, connection: 2, dataType: 'invoices' };
  const dataset = { place, status: 'Complete', revision: 5, offset: 17, timestamp: 1_700_000_000_123 };
  return samplesOf({
    pending: row('company', codec.writeCompanyRow, {
      outcome: 'pending',
      named: 20,
      unfinished: 3,
      laterFinished: null,
      succeeded: 15,
      early: 2,
      forgotten: 500,
      holds: 1,
      links: 3,
      unsealed: 1,
      announcementBytes: 6_000_000,
      endedLinks: 5n,
      stalled: true,
      failureReported: true,
      progressHour: 472_222,
    }),
    announced: row('company', codec.writeCompanyRow, {
      outcome: 'announced',
      policy: 'ALL_DATASETS',
      offset: 300,
      synchronizedAt: 1_700_000_000_123,
      named: 20,
      succeeded: 17,
      failed: 2,
      ended: 1,
    }),
    deleted: row('company', codec.writeCompanyRow, { outcome: 'deleted', offset: 300, timestamp: -1 }),
    firstSync: row('first-sync', codec.writeFirstSyncRow, { linkedAt: 1_700_000_000_123, failures: 2 }),
    info: row('info', codec.writeInfoRow, {
      clientId: 'client-1',
      companyName: 'Example Trading Ltd',
      connections: [{ connectionId: '0f8fad5b-d9cb-469f-a165-70867728950e', sourceType: 'accounting' }],
      links: [{ linkId: 'L-2', connection: 0, sealed: true, endedAt: 4_294_967_296 }],
    }),
    dataset: row('dataset', codec.writeDatasetRow, dataset),
    'dataset-text': row('dataset', codec.writeDatasetRow, { ...dataset, status: 'Pondering', revision: -(2n ** 63n) }),
    hold: row('hold', codec.writeHoldRow, { code: 'too-large', timestamp: 1_700_000_000_123 }),
    position: row('position', codec.writePositionRow, { topic: 'sync-events', offset: 12_345, countedUnder: 2 }),
    origin: row('origin', codec.writeOriginRow, new Map([['EVENT_NAMESPACE', 'company-sync']])),
    'key-company': numbered('key', companyKey('0f8fad5b-d9cb-469f-a165-70867728950e')),
    'key-dataset': numbered('key', datasetKey('acme', 'dataset')),
    'key-hold': numbered('key', holdKey('acme', '3/17')),
    undo: numbered('undo', undo()),
    identity: numbered(
      'identity',
      meta.encodeIdentity({ clusterId: 'c', applicationId: 'company-sync', topic: 'sync-events', partition: 3 }),
    ),
    'followed-log': numbered('followed log', meta.encodeFollowedLog({ topicId: 'abc', leaderEpoch: 4 })),
    'changelog-position': numbered('changelog position', meta.encodeChangelogPosition({ offset: 5, atEndMs: 6 })),
    'former-offset': numbered('former offset', meta.encodeFormerOffset(7)),
  });
}

function undo(): Buffer {
  const writer = new meta.UndoWriter();
  writer.add(companyKey('acme'), null, () => undefined);
  writer.add(companyKey('beta'), { code: 'undecodable', timestamp: 1 } as const, codec.writeHoldRow);
  return Buffer.from(writer.end());
}
