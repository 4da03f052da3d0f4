/** When a registry without a single known id stops a partition, and when it does not. */
import {
  RegistryBrake,
  SUSPECT_COMPANIES,
  SUSPECT_RECORDS,
  UnconfirmedSchemasError,
} from '../../../src/decode/registry-brake.js';
import type { Decoded } from '../../../src/decode/poison.js';
import type { PoisonCode } from '../../../src/domain/events.js';

const record = { offset: 0, timestamp: 0, key: null, value: null, headers: [] };

function bad(code: PoisonCode, companyId: string): Decoded {
  return { record, code, message: '', heldCompanyId: companyId };
}
function unknown(count: number, companies = count): Decoded[] {
  return Array.from({ length: count }, (_, i) => bad('unknown-schema', `c${i % companies}`));
}
const good: Decoded = {
  ...{ companyId: 'good', clientId: 'x', offset: 0, timestamp: 0, repairs: [] },
  payload: { kind: 'deleted' },
};

let brake: RegistryBrake;
beforeEach(() => (brake = new RegistryBrake(false)));

test('many companies with unknown ids alone stop the partition, in one batch or one after the other', () => {
  expect(() => brake.check(unknown(SUSPECT_COMPANIES))).toThrow(UnconfirmedSchemasError);
  brake = new RegistryBrake(false);
  const records = unknown(SUSPECT_COMPANIES);
  for (const one of records.slice(0, -1)) expect(brake.check([one])).toEqual([one]);
  for (let again = 0; again < 3; again++)
    expect(() => brake.check(records.slice(-1))).toThrow(/--consent unknown-schemas/);
});

test('few companies are set aside as ever, however many records they send', () => {
  expect(brake.check(unknown(5_000, SUSPECT_COMPANIES - 1))).toHaveLength(5_000);
});

test('a record of a known id among them, or in another partition, lets them pass', () => {
  for (const known of [good, bad('undecodable', 'a'), bad('key-mismatch', 'a')]) {
    brake = new RegistryBrake(false);
    expect(brake.check([...unknown(500), known, ...unknown(500)])).toHaveLength(1_001);
  }
  brake = new RegistryBrake(false);
  const stopped = unknown(50);
  expect(() => brake.check(stopped)).toThrow(UnconfirmedSchemasError);
  brake.check([good]);
  expect(brake.check(stopped)).toBe(stopped);
});

test('what says nothing of the registry does not count for it', () => {
  const noise = [bad('bad-framing', 'a'), bad('missing-key', 'b')];
  expect(() => brake.check([...unknown(SUSPECT_COMPANIES), ...noise])).toThrow(UnconfirmedSchemasError);
});

test('a burst of one producer after good records passes; a registry that was exchanged meanwhile is found', () => {
  brake.check([good]);
  expect(brake.check(unknown(SUSPECT_RECORDS - 1))).toHaveLength(SUSPECT_RECORDS - 1);
  for (let again = 0; again < 2; again++) expect(() => brake.check(unknown(1))).toThrow(UnconfirmedSchemasError);
  expect(brake.check([good])).toEqual([good]);
});

test('companies with unknown ids before a record of a known one do not count any more', () => {
  brake.check(unknown(SUSPECT_COMPANIES - 1));
  brake.check([good]);
  const ofOneProducer = Array.from({ length: 2 * SUSPECT_RECORDS }, () => bad('unknown-schema', 'another'));
  expect(brake.check(ofOneProducer)).toBe(ofOneProducer);
});

test('a batch without unknown ids is never stopped, and an operator can confirm', () => {
  expect(() => brake.check(unknown(50))).toThrow(UnconfirmedSchemasError);
  expect(brake.check([])).toEqual([]);
  expect(brake.check([bad('bad-framing', 'a')])).toHaveLength(1);
  expect(new RegistryBrake(true).check(unknown(5_000))).toHaveLength(5_000);
});
