/**
 * A table of the payloads for all tests. A payload that is added here is used in the random histories, in the tests of
 * decoding and in the tests on a broker.
 */
import * as fc from 'fast-check';
import type { Payload } from '../../src/domain/events.js';
import type { ReferencePayload } from '../../testkit/reference-model.js';

export type PayloadType = ReferencePayload['type'];
type Of<T extends PayloadType> = Extract<ReferencePayload, { type: T }>;

interface PayloadRow<T extends PayloadType> {
  readonly kind: Payload['kind'];
  /** How often it occurs in random histories, relative to the other weights. */
  readonly weight: number;
  readonly random: fc.Arbitrary<Of<T>>;
  /** The fields of the schema's record that no rule uses. */
  readonly otherFields: Readonly<Record<string, unknown>>;
  /**
   * An event of company-1 and client-1, written by fastavro 1.x with the newest schema, and the expected result of
   * reading it.
   */
  readonly writtenByFastavro: string;
  readonly read: Payload;
}

export const id = (prefix: string, count: number) => fc.integer({ min: 1, max: count }).map((n) => `${prefix}${n}`);
const connectionId = id('connection-', 2);
const datasetId = id('dataset-', 4);

const manifest: fc.Arbitrary<Of<'LinkSyncQueued'>> = fc.record({
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

const status: fc.Arbitrary<Of<'DatasetStatusChanged'>> = fc.record({
  type: fc.constant('DatasetStatusChanged' as const),
  datasetId,
  status: statusWord,
  trigger: fc.oneof(
    { weight: 5, arbitrary: fc.constant('LINK' as const) },
    { weight: 1, arbitrary: fc.constantFrom('REFRESH' as const, 'UNKNOWN' as const) },
  ),
  revision,
});

const unlinked: fc.Arbitrary<Of<'ConnectionUnlinked'>> = fc.record({
  type: fc.constant('ConnectionUnlinked' as const),
  connectionId: id('connection-', 3),
});

export const PAYLOADS: { readonly [T in PayloadType]: PayloadRow<T> } = {
  LinkSyncQueued: {
    kind: 'manifest',
    weight: 20,
    random: manifest,
    otherFields: {},
    writtenByFastavro:
      '06652d3112636f6d70616e792d3110636c69656e742d3180a0abfef962000c6c696e6b2d3118636f6e6e656374696f6e2d31144163636f756e' +
      '74696e671a5a6fc3ab20262053c3b6686e650406642d3110696e766f6963657306642d321862616e6b4163636f756e74730000',
    read: {
      kind: 'manifest',
      linkId: 'link-1',
      connectionId: 'connection-1',
      sourceType: 'Accounting',
      companyName: 'Zoë & Söhne',
      datasets: [
        { datasetId: 'd-1', dataType: 'invoices' },
        { datasetId: 'd-2', dataType: 'bankAccounts' },
      ],
      isFinal: false,
    },
  },
  DatasetStatusChanged: {
    kind: 'status',
    weight: 50,
    random: status,
    otherFields: { connectionId: 'connection-1', dataType: 'invoices', errorMessage: null },
    writtenByFastavro:
      '06652d3112636f6d70616e792d3110636c69656e742d3180a0abfef9620206642d3118636f6e6e656374696f6e2d3110696e766f6963657314' +
      '46657463684572726f72020282808080808080200208626f6f6d',
    read: {
      kind: 'status',
      datasetId: 'd-1',
      status: 'FetchError',
      trigger: 'REFRESH',
      revision: 9_007_199_254_740_993n,
    },
  },
  ConnectionUnlinked: {
    kind: 'unlinked',
    weight: 7,
    random: unlinked,
    otherFields: {},
    writtenByFastavro: '06652d3112636f6d70616e792d3110636c69656e742d3180a0abfef9620418636f6e6e656374696f6e2d31',
    read: { kind: 'unlinked', connectionId: 'connection-1' },
  },
  CompanyDeleted: {
    kind: 'deleted',
    weight: 1,
    random: fc.constant({ type: 'CompanyDeleted' }),
    otherFields: {},
    writtenByFastavro: '06652d3112636f6d70616e792d3110636c69656e742d3180a0abfef96206',
    read: { kind: 'deleted' },
  },
  AnnouncedElsewhere: {
    kind: 'announced-elsewhere',
    weight: 1,
    random: fc.constant({ type: 'AnnouncedElsewhere' }),
    otherFields: { by: 'a predecessor' },
    writtenByFastavro: '06652d3112636f6d70616e792d3110636c69656e742d3180a0abfef9620802106d6f6e6f6c697468',
    read: { kind: 'announced-elsewhere' },
  },
};

export const randomPayload: fc.Arbitrary<ReferencePayload> = fc.oneof(
  ...Object.values(PAYLOADS).map(({ weight, random }) => ({
    weight,
    arbitrary: random as fc.Arbitrary<ReferencePayload>,
  })),
);

/** The reference model's payload as a payload of `src`. */
export function domainPayload({ type, ...fields }: ReferencePayload): Payload {
  return { kind: PAYLOADS[type].kind, ...fields } as Payload;
}

/** The branch of `SyncEvent.payload`, under the name that Avro's JSON encoding gives it. */
export function avroPayload({ type, ...fields }: ReferencePayload): object {
  return { [`companysync.${type}`]: { ...PAYLOADS[type].otherFields, ...fields } };
}

/** Each payload as fastavro wrote it: the event's Avro value. */
export function writtenByFastavro(type: PayloadType): Buffer {
  return Buffer.from(PAYLOADS[type].writtenByFastavro, 'hex');
}
