/** When a registry without any id in use makes a partition wait, and when it does not. */
import {
  RegistryBrake,
  SAMPLE_AGAIN_MS,
  SUSPECT_COMPANIES,
  SUSPECT_RECORDS,
  UnconfirmedSchemasError,
} from '../../../src/decode/registry-brake.js';
import { DecodingAbortedError } from '../../../src/decode/schema-resolution.js';
import { isBadRecord, type Decoded } from '../../../src/decode/bad-record.js';
import { createSyncEventDecoder } from '../../../src/decode/sync-event-decoder.js';
import { RegistryUnavailableError } from '../../../src/decode/schema-source.js';
import type { LogRecord } from '../../../src/lib/record.js';
import { framed, notAborted, recordOf, SCHEMA_ID, syncEventSchema } from './sync-events.js';
import { writtenByFastavro } from '../../support/payloads.js';
import { SteppedClock } from '../../support/clocks.js';
import { schemaSource } from '../../../testkit/schema-source.js';

/** The id of our outbound schema. Every registry with our schemas has it, also a wrong one. */
const OUTBOUND_ID = 1;
const UNKNOWN_ID = 987_654;
/** The id of a producer that began in between. */
const LATER_ID = 55;
const status = writtenByFastavro('DatasetStatusChanged');
const good = recordOf({ value: framed(SCHEMA_ID, status) });
const undecodable = recordOf({ value: framed(SCHEMA_ID, Buffer.alloc(0)) });
const mismatched = recordOf({ key: Buffer.from('another'), value: framed(SCHEMA_ID, status) });
const noise = [recordOf({ value: Buffer.alloc(4) }), recordOf({ key: null })];

function unknown(count: number, companies = count, id = UNKNOWN_ID): LogRecord[] {
  const keys = Array.from({ length: companies }, (_, i) => Buffer.from(`c${i}`));
  return Array.from({ length: count }, (_, i) =>
    recordOf({ key: keys[i % companies] as Buffer, value: framed(id, status) }),
  );
}

/** The ids that the registry has. */
const ids = new Set<number>();
let isAwayFor: number | null = null;
/** The ids that a sample of the input finds, and the number of samples. */
let inInput: number[] = [];
let looks = 0;
let clock: SteppedClock;
let brake: RegistryBrake;

function newBrake(isConfirmed = false): RegistryBrake {
  const source = schemaSource((id) => {
    if (id === isAwayFor) return Promise.reject(new RegistryUnavailableError('no answer'));
    return Promise.resolve(ids.has(id) ? syncEventSchema() : null);
  });
  const decoder = createSyncEventDecoder(syncEventSchema(), { source, clock, knownId: OUTBOUND_ID });
  const sampleIds = () => {
    looks++;
    const counts = new Map<number, number>();
    for (const id of inInput) counts.set(id, (counts.get(id) ?? 0) + 1);
    return Promise.resolve(counts);
  };
  return new RegistryBrake({ isConfirmed, decoder, source, sampleIds, clock });
}

async function decode(records: readonly LogRecord[], signal = notAborted()): Promise<Decoded[]> {
  const decoding = brake.begin(records, 'test');
  const decoded: Decoded[] = [];
  while (decoded.length < records.length) decoded.push(...(await decoding.next(signal)));
  return decoded;
}

async function codesOf(records: readonly LogRecord[]): Promise<Set<string>> {
  return new Set((await decode(records)).map((one) => (isBadRecord(one) ? one.code : 'event')));
}

/** A registry with our schemas, but without those of any producer. */
function exchangeRegistry(): void {
  ids.clear();
  ids.add(OUTBOUND_ID);
}

beforeEach(() => {
  exchangeRegistry();
  ids.add(SCHEMA_ID);
  inInput = [];
  looks = 0;
  isAwayFor = null;
  clock = new SteppedClock();
  brake = newBrake();
});

describe('a registry that has none of the ids in use', () => {
  beforeEach(exchangeRegistry);

  test('stops records if many companies have only unknown ids, in one batch or in several', async () => {
    await expect(decode(unknown(SUSPECT_COMPANIES))).rejects.toThrow(UnconfirmedSchemasError);
    brake = newBrake();
    const records = unknown(SUSPECT_COMPANIES);
    for (const one of records.slice(0, -1)) expect(await codesOf([one])).toEqual(new Set(['unknown-schema']));
    for (let again = 0; again < 3; again++)
      await expect(decode(records.slice(-1))).rejects.toThrow(/--consent unknown-schemas/);
  });

  test('stops records although ids were decoded before, or are in the input, if it does not have these either', async () => {
    inInput = [SCHEMA_ID, 12];
    await expect(decode(unknown(SUSPECT_COMPANIES))).rejects.toThrow(UnconfirmedSchemasError);
    ids.add(SCHEMA_ID);
    await decode([good]);
    exchangeRegistry();
    expect(await codesOf(unknown(SUSPECT_RECORDS - 1))).toEqual(new Set(['unknown-schema']));
    for (let again = 0; again < 2; again++) await expect(decode(unknown(1))).rejects.toThrow(UnconfirmedSchemasError);
  });

  test('does not stop the records of few companies, however many records they send', async () => {
    expect(await codesOf(unknown(5_000, SUSPECT_COMPANIES - 1))).toEqual(new Set(['unknown-schema']));
  });

  test('also stops records in between that prove nothing about the registry', async () => {
    await expect(decode([...unknown(SUSPECT_COMPANIES), ...noise])).rejects.toThrow(UnconfirmedSchemasError);
  });

  test('never stops a batch without unknown ids, nor what an operator has confirmed', async () => {
    await expect(decode(unknown(50))).rejects.toThrow(UnconfirmedSchemasError);
    expect(await decode([])).toEqual([]);
    expect(await decode(noise)).toHaveLength(noise.length);
    brake = newBrake(true);
    expect(await decode(unknown(5_000))).toHaveLength(5_000);
  });

  test('causes one sample of the input a minute, however often the batch is decoded again', async () => {
    for (let again = 0; again < 10; again++) await expect(decode(unknown(50))).rejects.toThrow(UnconfirmedSchemasError);
    expect(looks).toBe(1);
    await clock.delay(SAMPLE_AGAIN_MS);
    await expect(decode(unknown(50))).rejects.toThrow(UnconfirmedSchemasError);
    expect(looks).toBe(2);
  });

  test('is asked again for all denied ids, once it is replaced by the right one', async () => {
    inInput = [SCHEMA_ID];
    const stopped = unknown(50, 50, LATER_ID);
    await expect(decode(stopped)).rejects.toThrow(UnconfirmedSchemasError);
    ids.add(SCHEMA_ID).add(LATER_ID);
    // The keys are those of other companies. The id is known, so the records can be decoded that far.
    expect(await codesOf(stopped)).toEqual(new Set(['key-mismatch']));

    exchangeRegistry();
    const ofTwo = [unknown(50, 50, LATER_ID + 1), unknown(50, 50, LATER_ID + 2)];
    brake = newBrake();
    for (const batch of ofTwo) await expect(decode(batch)).rejects.toThrow(UnconfirmedSchemasError);
    ids
      .add(SCHEMA_ID)
      .add(LATER_ID + 1)
      .add(LATER_ID + 2);
    const both = await Promise.all(ofTwo.map(codesOf));
    expect(both).toEqual([new Set(['key-mismatch']), new Set(['key-mismatch'])]);
  });
});

describe('a registry that was restored from an old backup', () => {
  /** Registered after the backup. */
  const lost = LATER_ID;

  test('stops them after a start although it has an old id that some records of the input have', async () => {
    inInput = [SCHEMA_ID, SCHEMA_ID, lost, lost];
    const records = unknown(SUSPECT_COMPANIES, SUSPECT_COMPANIES, lost);
    await expect(decode(records)).rejects.toThrow(/half or more/);
    ids.add(lost);
    expect(await codesOf(records)).not.toContain('unknown-schema');
  });

  test('stops them although it has an old id that was decoded', async () => {
    inInput = Array<number>(10).fill(SCHEMA_ID);
    ids.add(lost);
    await decode([good]);
    await decode(unknown(1, 1, lost));
    ids.delete(lost);
    await expect(decode(unknown(SUSPECT_RECORDS))).rejects.toThrow(UnconfirmedSchemasError);
  });
});

describe('an id that a suspect registry has denied', () => {
  beforeEach(exchangeRegistry);

  test('is requested again, even if a record with a known id comes last', async () => {
    await expect(decode(unknown(SUSPECT_RECORDS, SUSPECT_COMPANIES, LATER_ID))).rejects.toThrow(
      UnconfirmedSchemasError,
    );
    ids.add(SCHEMA_ID).add(LATER_ID);
    expect(await codesOf([...unknown(1, 1, LATER_ID), good])).not.toContain('unknown-schema');
  });

  test('is requested again, even if the first proof got no answer', async () => {
    inInput = [SCHEMA_ID];
    isAwayFor = SCHEMA_ID;
    const records = unknown(SUSPECT_RECORDS, SUSPECT_COMPANIES, LATER_ID);
    await expect(decode(records)).rejects.toThrow(RegistryUnavailableError);
    isAwayFor = null;
    ids.add(SCHEMA_ID).add(LATER_ID);
    expect(await codesOf(records)).not.toContain('unknown-schema');
  });
});

describe('a registry that has one of the ids in use', () => {
  test('is not stopped by a producer with many keys, however much it sends', async () => {
    await decode([good]);
    for (let batch = 0; batch < 5; batch++)
      expect(await codesOf(unknown(2 * SUSPECT_RECORDS, SUSPECT_COMPANIES))).toEqual(new Set(['unknown-schema']));
    expect(looks).toBe(0);
  });

  test('is not stopped after a start either: the input has records of other producers', async () => {
    inInput = [UNKNOWN_ID, 0, -3, ...Array<number>(4).fill(SCHEMA_ID)];
    expect(await codesOf(unknown(5_000))).toEqual(new Set(['unknown-schema']));
    expect(looks).toBe(1);
  });
});

test('a record of a known id among them, or in another partition, lets them pass', async () => {
  for (const known of [good, undecodable, mismatched]) {
    brake = newBrake();
    expect(await decode([...unknown(500), known, ...unknown(500)])).toHaveLength(1_001);
  }
  brake = newBrake();
  const stopped = unknown(50);
  await expect(decode(stopped)).rejects.toThrow(UnconfirmedSchemasError);
  await decode([good]);
  expect(await codesOf(stopped)).toEqual(new Set(['unknown-schema']));
});

test('companies with unknown ids before a record of a known one do not count any more', async () => {
  await decode(unknown(SUSPECT_COMPANIES - 1));
  await decode([good]);
  exchangeRegistry();
  expect(await codesOf(unknown(2 * SUSPECT_RECORDS, 1))).toEqual(new Set(['unknown-schema']));
});

test('a registry that gives no answer about our ids is an outage, and nothing is decided meanwhile', async () => {
  exchangeRegistry();
  inInput = [SCHEMA_ID];
  isAwayFor = SCHEMA_ID;
  const outage = await decode(unknown(50)).catch((error: unknown) => error);
  expect(outage).toBeInstanceOf(RegistryUnavailableError);
  expect(outage).not.toBeInstanceOf(UnconfirmedSchemasError);
});

test('a partition that is revoked while the registry is asked does not wait for it', async () => {
  exchangeRegistry();
  inInput = [SCHEMA_ID];
  await expect(decode(unknown(50))).rejects.toThrow(UnconfirmedSchemasError);
  const revoked = new AbortController();
  const decoded = decode(unknown(50), revoked.signal);
  revoked.abort();
  await expect(decoded).rejects.toThrow(DecodingAbortedError);
});
