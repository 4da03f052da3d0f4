/** Records that try to cost an instance too much memory or time, each with the outcome that the contract requires. */
import { randomUUID } from 'node:crypto';
import {
  framed,
  type PlatformEncoder,
  type PlatformPayload,
  type QueuedDataset,
} from '../../testkit/platform-events.js';

export interface HostileRecord {
  readonly key: string;
  readonly value: Buffer;
  /** The values of each header. */
  readonly headers?: Readonly<Record<string, string[]>>;
}

/** The expected outcome of the records of a company. */
export type Outcome =
  /** Every record is a dead letter with one of these codes, and holds its company. */
  | { readonly kind: 'dead-letters'; readonly codes: readonly string[] }
  /** The records beyond the first `accepted` are dead letters with this code. */
  | { readonly kind: 'limited'; readonly code: string; readonly accepted: number }
  /** No record is a dead letter, and nothing is announced. */
  | { readonly kind: 'pending' };

export interface HostileInput {
  readonly name: string;
  readonly outcome: Outcome;
  /** The most records that are written in one batch. */
  readonly batchRecords: number;
  readonly records: () => Iterable<HostileRecord>;
}

/** The amount of each kind of input. */
export interface HostileScale {
  readonly manifests: number;
  readonly blocks: number;
  /** Companies of 500 datasets each. Each company is unlinked from each of its connections. */
  readonly unlinkedCompanies: number;
  readonly links: number;
  readonly zeroRecords: number;
  /** Records of 30 MiB, in every partition. Compressed, each takes 30 kB. */
  readonly hugeRecords: number;
  /** Records with another schema id each. */
  readonly unknownIds: number;
  /** Companies with 1,500 statuses of datasets that no manifest names. */
  readonly earlyCompanies: number;
}

export const FULL_SCALE: HostileScale = {
  manifests: 12,
  blocks: 20,
  unlinkedCompanies: 1_000,
  links: 50_000,
  zeroRecords: 50,
  hugeRecords: 24,
  unknownIds: 20_000,
  earlyCompanies: 100,
};
export const SHORT_SCALE: HostileScale = {
  manifests: 3,
  blocks: 4,
  unlinkedCompanies: 100,
  links: 12_000,
  zeroRecords: 6,
  hugeRecords: 8,
  unknownIds: 3_000,
  earlyCompanies: 10,
};

const MAX_DATASETS = 10_000;
const COLLIDING_IDS = 2_000;
const MAX_LINKS = 10_000;
/** Ten times the limit. Compressed, the record takes less than 0.3 MB. */
const REPAIRS = 100_000;
const UNLINKS_A_COMPANY = 10;
const DATASETS_A_CONNECTION = 50;
const EARLY_STATUSES = 1_500;
const MIB = 2 ** 20;
const ZERO_BYTES = 3 * MIB;
/** Near the limit of a record of a large batch, which is 32 MiB. */
const HUGE_BYTES = 30 * MIB;
const BLOCK_BYTES = 900_000;
/** A schema id that no registry of a bench has. */
const UNKNOWN_SCHEMA_IDS = [2_000_000_001, 2_000_000_002, 2_000_000_003];
const FIRST_RANDOM_ID = 1_900_000_000;
const PAYLOAD_LINK = 0;

export function hostileInputs(encoder: PlatformEncoder, schemaId: number, scale: HostileScale): HostileInput[] {
  const event = (companyId: string, payload: PlatformPayload): HostileRecord => {
    const value = { eventId: 'e', companyId, clientId: 'hostile', occurredAt: Date.now(), payload };
    return { key: companyId, value: encoder.event(value) };
  };
  const link = (companyId: string, linkId: string, datasets: readonly QueuedDataset[], connectionId = linkId) =>
    event(companyId, {
      'companysync.LinkSyncQueued': {
        linkId,
        connectionId,
        sourceType: 'accounting',
        companyName: 'Hostile Ltd',
        datasets,
        isFinal: true,
      },
    });
  const several = (name: string, count: number, make: (companyId: string) => HostileRecord) =>
    function* (): Iterable<HostileRecord> {
      for (let i = 0; i < count; i++) yield make(`${name}-${i}`);
    };
  const manifests = (name: string, outcome: Outcome, make: (companyId: string) => HostileRecord): HostileInput => ({
    name,
    outcome,
    batchRecords: 1,
    records: several(name, scale.manifests, make),
  });
  const bytes = (name: string, codes: readonly string[], value: (companyId: string) => Buffer): HostileInput => ({
    name,
    outcome: { kind: 'dead-letters', codes },
    batchRecords: 1,
    records: several(name, scale.blocks, (key) => ({ key, value: value(key) })),
  });
  const framedArray = (companyId: string, body: Buffer) => framed(schemaId, linkWithArray(companyId, body));

  return [
    // One dataset, named very often: unusual, but readable.
    ...(
      [
        ['many-blocks', blocksOfOne()],
        ['sized-blocks', sizedBlocksOfOne()],
      ] as const
    ).map(([name, blocks]) => ({
      name,
      outcome: { kind: 'pending' } as const,
      batchRecords: 1,
      records: several(name, scale.blocks, (key) => ({ key, value: framedArray(key, blocks) })),
    })),
    manifests('long-ids', { kind: 'pending' }, (id) => link(id, 'link', datasets(MAX_DATASETS, 200))),
    manifests('large-announcement', { kind: 'dead-letters', codes: ['too-large'] }, (id) =>
      link(id, 'link', datasets(MAX_DATASETS, 1_000)),
    ),
    manifests('long-connection', { kind: 'dead-letters', codes: ['too-large'] }, (id) =>
      link(id, 'link', datasets(MAX_DATASETS, 8), 'c'.repeat(20_000)),
    ),
    manifests('many-datasets', { kind: 'dead-letters', codes: ['too-many-datasets'] }, (id) =>
      link(id, 'link', datasets(MAX_DATASETS + 1, 8)),
    ),
    // V8 hashes a text of more than 16,383 characters by its length alone. Compressed, the record takes 0.1 MB.
    manifests('colliding-ids', { kind: 'dead-letters', codes: ['too-many-datasets'] }, (id) =>
      link(id, 'link', [...datasets(COLLIDING_IDS, 16_400), ...datasets(MAX_DATASETS - COLLIDING_IDS + 1, 1)]),
    ),
    bytes('huge-count', ['undecodable'], (id) => framedArray(id, long(2n ** 45n))),
    bytes('huge-text', ['undecodable'], () => framed(schemaId, long(2n ** 62n))),
    {
      name: 'unlinked',
      outcome: { kind: 'pending' },
      batchRecords: 500,
      *records() {
        const companies = Array.from({ length: scale.unlinkedCompanies }, (_, i) => `unlinked-${i}`);
        const connections = Array.from({ length: UNLINKS_A_COMPANY }, (_, i) => `connection-${i}`);
        for (const id of companies)
          for (const name of connections)
            yield link(id, name, datasets(DATASETS_A_CONNECTION, name.length + 4, `${name}-`));
        for (const connectionId of connections)
          for (const id of companies) yield event(id, { 'companysync.ConnectionUnlinked': { connectionId } });
      },
    },
    {
      name: 'many-links',
      outcome: { kind: 'limited', code: 'too-large', accepted: MAX_LINKS },
      batchRecords: 2_000,
      *records() {
        for (let i = 0; i < scale.links; i++) yield link('many-links-0', `link-${i}`, [], 'connection');
      },
    },
    {
      name: 'many-repairs',
      outcome: { kind: 'dead-letters', codes: ['too-large'] },
      batchRecords: 1,
      records: several('many-repairs', scale.zeroRecords, (id) => {
        const repairs = Array.from({ length: REPAIRS }, (_, i) => `0/${5_000_000 + i}`);
        return { ...event(id, { 'companysync.CompanyDeleted': {} }), headers: { repairs } };
      }),
    },
    {
      name: 'zeros',
      outcome: { kind: 'dead-letters', codes: ['unknown-schema'] },
      batchRecords: 1,
      records: several('zeros', scale.zeroRecords, (key) => ({ key, value: Buffer.alloc(ZERO_BYTES) })),
    },
    {
      name: 'ones',
      outcome: { kind: 'dead-letters', codes: ['bad-framing'] },
      batchRecords: 1,
      records: several('ones', scale.zeroRecords, (key) => ({ key, value: Buffer.alloc(ZERO_BYTES, 1) })),
    },
    {
      name: 'huge-records',
      outcome: { kind: 'dead-letters', codes: ['unknown-schema'] },
      batchRecords: 1,
      records: several('huge-records', scale.hugeRecords, (key) => ({ key, value: Buffer.alloc(HUGE_BYTES) })),
    },
    {
      name: 'unknown-ids',
      outcome: { kind: 'dead-letters', codes: ['unknown-schema'] },
      batchRecords: 10,
      *records() {
        for (const id of UNKNOWN_SCHEMA_IDS)
          yield { key: 'unknown-ids-0', value: framed(id, Buffer.from('any value at all')) };
      },
    },
    {
      name: 'random-ids',
      outcome: { kind: 'dead-letters', codes: ['unknown-schema'] },
      batchRecords: 2_000,
      *records() {
        for (let i = 0; i < scale.unknownIds; i++)
          yield { key: 'random-ids-0', value: framed(FIRST_RANDOM_ID + i, Buffer.from('any value at all')) };
      },
    },
    {
      name: 'early',
      outcome: { kind: 'pending' },
      batchRecords: 2_000,
      *records() {
        for (let dataset = 0; dataset < EARLY_STATUSES; dataset++)
          for (let company = 0; company < scale.earlyCompanies; company++)
            yield event(`early-${company}`, {
              'companysync.DatasetStatusChanged': {
                datasetId: `early-${dataset}`,
                connectionId: 'c',
                dataType: 'invoices',
                status: 'Complete',
                trigger: 'LINK',
                revision: null,
                errorMessage: null,
              },
            });
      },
    },
  ];
}

/** A manifest of a company in a backlog. */
export function backlogManifest(encoder: PlatformEncoder, companyId: string, count: number): Buffer {
  const datasetsOfIt = Array.from({ length: count }, (_, i) => ({
    datasetId: `${companyId.slice(0, 8)}-${i}`,
    dataType: `data-type-number-${i}`,
  }));
  return encoder.event({
    eventId: randomUUID(),
    companyId,
    clientId: 'client-1',
    occurredAt: Date.now(),
    payload: {
      'companysync.LinkSyncQueued': {
        linkId: `link of ${companyId}`,
        connectionId: `connection of ${companyId}`,
        sourceType: 'accounting',
        companyName: 'Example Trading Ltd',
        datasets: datasetsOfIt,
        isFinal: true,
      },
    },
  });
}

function datasets(count: number, idLength: number, prefix = ''): QueuedDataset[] {
  return Array.from({ length: count }, (_, i) => ({
    datasetId: `${prefix}${String(i).padStart(idLength - prefix.length, '0')}`,
    dataType: 'invoices',
  }));
}

/** A LinkSyncQueued whose list of datasets has the given `blocks`, which may make false claims. */
function linkWithArray(companyId: string, blocks: Buffer): Buffer {
  const texts = (...words: string[]): Buffer[] =>
    words.flatMap((word) => [long(BigInt(word.length)), Buffer.from(word)]);
  const before = [...texts('e', companyId, 'hostile'), long(0n), long(BigInt(PAYLOAD_LINK))];
  return Buffer.concat([...before, ...texts('link', 'connection', 'accounting', 'Hostile Ltd'), blocks]);
}

/** Blocks of one dataset each, whose id and type are empty texts. */
function blocksOfOne(): Buffer {
  return endless(Buffer.concat([long(1n), long(0n), long(0n)]));
}

/** The same, with the size of each block in bytes before it, as Avro allows. */
function sizedBlocksOfOne(): Buffer {
  return endless(Buffer.concat([long(-1n), long(2n), long(0n), long(0n)]));
}

function endless(block: Buffer): Buffer {
  const whole = Math.floor(BLOCK_BYTES / block.length) * block.length;
  return Buffer.concat([Buffer.alloc(whole, block), long(0n), Buffer.from([1])]);
}

/** Avro's zigzag encoding of a long. */
function long(value: bigint): Buffer {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  for (; left > 0x7fn; left >>= 7n) bytes.push(Number(left & 0x7fn) | 0x80);
  bytes.push(Number(left));
  return Buffer.from(bytes);
}
