import { isBadRecord } from '../../../src/decode/bad-record.js';
import { CompanyRows } from '../../../src/domain/company-rows.js';
import { DEAD_LETTER_CODES } from '../../../src/domain/events.js';
import { visitRowsNeeded } from '../../../src/domain/rows-needed.js';
import { transition } from '../../../src/domain/transition.js';
import type { AnomalyKind } from '../../../testkit/audit/anomaly.js';
import { auditTopics } from '../../../testkit/audit/audit-topics.js';
import type { TopicRecord } from '../../../testkit/audit/topic-record.js';
import { clientSettingsSchema, decodeOne, syncEventSchema } from '../decode/sync-events.js';
import { DeploymentInMemory } from './deployment-in-memory.js';

function kindsIn(deployment: DeploymentInMemory): AnomalyKind[] {
  return auditTopics(deployment.input()).anomalies.map(({ kind }) => kind);
}

const KEY = Buffer.from('company-1');
const OWN_HEADERS = { own: ['1', null, '1'], dl_code: 'of an earlier time' };

/** A bad record, with headers of its own. */
function oneBadRecord(deployment: DeploymentInMemory): TopicRecord {
  return deployment.raw(KEY, Buffer.from('nonsense that is long enough'), { headers: OWN_HEADERS });
}

/** One record of each kind of bad record, with the code that it should get. */
const BAD_RECORDS: [string, (deployment: DeploymentInMemory) => TopicRecord][] = [
  ['missing-key', (d) => d.raw(null, Buffer.from('x'))],
  ['missing-key', (d) => d.raw(Buffer.alloc(0), null)],
  ['bad-framing', (d) => d.raw(KEY, null)],
  ['bad-framing', (d) => d.raw(KEY, Buffer.alloc(4))],
  ['bad-framing', (d) => d.raw(Buffer.from([0xff]), Buffer.from([1, 0, 0, 0, 1, 0]))],
  ['unknown-schema', (d) => d.raw(KEY, Buffer.from([0, 0, 0, 0, 99, 0]))],
  ['undecodable', (d) => d.raw(KEY, Buffer.from([0, 0, 0, 0, 1, 0]))],
  ['undecodable', (d) => d.raw(KEY, Buffer.from([0, 0, 0, 0, 3, 0, 0]))],
  ['key-mismatch', (d) => d.raw(Buffer.from('company-2'), d.manifest('company-1', []).value)],
  ['key-mismatch', (d) => d.raw(Buffer.from([0xff]), d.manifest('company-1', []).value)],
  [
    'too-many-datasets',
    (d) =>
      d.manifest(
        'company-1',
        Array.from({ length: 10_001 }, (_, i) => `d${i}`),
      ),
  ],
  ['too-large', (d) => d.status('company-1', 'd'.repeat(1_025), 'Complete')],
  ['too-large', (d) => d.status('company-1', 'd1', 'é'.repeat(513))],
  ['too-large', (d) => d.manifest('c'.repeat(1_025), ['d1'])],
  [
    'too-large',
    (d) => d.status('company-1', 'd1', 'Complete', { headers: { repairs: Array<string>(10_001).fill('0/1') } }),
  ],
  [
    'too-large',
    (d) =>
      d.manifest(
        'company-1',
        Array.from({ length: 7_000 }, (_, i) => `${i}`.padEnd(900)),
      ),
  ],
];

async function codeGivenTo({ key, value, offset, timestamp, headers: map }: TopicRecord): Promise<string | null> {
  const schemas = { 1: syncEventSchema(), 3: clientSettingsSchema() };
  const headers = [...map].flatMap(([name, values]) => values.map((one) => ({ key: name, value: one })));
  const decoded = await decodeOne({ key, value, offset, timestamp, headers }, schemas);
  if (isBadRecord(decoded)) return decoded.code;
  const rows = new CompanyRows(decoded.companyId);
  rows.loadCompany(null);
  visitRowsNeeded(decoded, {
    info: () => rows.loadInfo(null),
    firstSync: () => rows.loadFirstSync(null),
    dataset: (id) => rows.loadDataset(id, null),
    hold: (id) => rows.loadHold(id, null),
  });
  const outcome = transition(rows, decoded, 'ALL_DATASETS');
  return outcome.kind === 'beyond-limit' ? outcome.code : null;
}

describe('dead letters', () => {
  test('the audit knows each code of the processor', () => {
    expect([...new Set(BAD_RECORDS.map(([code]) => code))].sort()).toEqual([...DEAD_LETTER_CODES].sort());
  });

  test.each(BAD_RECORDS)('%s is also the code that the processor gives the record', async (code, write) => {
    expect(await codeGivenTo(write(new DeploymentInMemory()))).toBe(code);
  });

  test.each(BAD_RECORDS)('are expected of %s, with that code', (code, write) => {
    const deployment = new DeploymentInMemory();
    const record = write(deployment);
    expect(kindsIn(deployment)).toEqual(['dead-letter-lost']);
    deployment.deadLetter(record, code);
    expect(kindsIn(deployment)).toEqual([]);
    deployment.deadLetters.length = 0;
    deployment.deadLetter(record, 'another-code');
    expect(kindsIn(deployment)).toEqual(['dead-letter-altered']);
  });

  test("a correct dead letter keeps the record's headers, even repeated ones, null values and names of added headers", () => {
    const deployment = new DeploymentInMemory();
    deployment.deadLetter(oneBadRecord(deployment), 'undecodable');
    expect(kindsIn(deployment)).toEqual(['dead-letter-altered']);
    deployment.deadLetters.length = 0;
    deployment.deadLetter(deployment.events[0] as TopicRecord, 'bad-framing');
    expect(kindsIn(deployment)).toEqual([]);
  });

  test('each bad record has one dead letter: a second one is a duplicate', () => {
    const deployment = new DeploymentInMemory();
    const badRecord = oneBadRecord(deployment);
    deployment.deadLetter(badRecord, 'bad-framing');
    deployment.deadLetter(badRecord, 'bad-framing');
    expect(kindsIn(deployment)).toEqual(['dead-letter-duplicate']);
  });

  test('an exact copy of a bad record needs a dead letter of its own', () => {
    const deployment = new DeploymentInMemory();
    deployment.deadLetter(oneBadRecord(deployment), 'bad-framing');
    oneBadRecord(deployment);
    expect(kindsIn(deployment)).toEqual(['dead-letter-lost']);
  });

  test.each([
    ['another value', { record: { value: Buffer.from('nonsense that is long enougH') } }],
    ['no value', { record: { value: null } }],
    ['no key', { record: { key: null } }],
    ['another partition', { record: { partition: 0 } }],
    ['a lost header', { ownHeaders: { dl_code: 'of an earlier time' } }],
    ['a repetition lost', { ownHeaders: { own: ['1', null], dl_code: 'of an earlier time' } }],
    ['its own dl_code replaced', { ownHeaders: { own: ['1', null, '1'] } }],
    ['another topic', { headers: { dl_topic: 'other' } }],
    ['another timestamp', { headers: { dl_timestamp: '0' } }],
    ['no message', { headers: { dl_message: '' } }],
  ])('a dead letter with %s is altered', (_, changes) => {
    const deployment = new DeploymentInMemory();
    deployment.deadLetter(oneBadRecord(deployment), 'bad-framing', changes);
    expect(kindsIn(deployment)).toEqual(['dead-letter-altered']);
  });

  test('a dead letter of a record that is not bad, or does not exist, is unexplained', () => {
    const deployment = new DeploymentInMemory();
    const fine = deployment.manifest('company-1', ['d1']);
    deployment.deadLetter(fine, 'undecodable');
    deployment.deadLetter({ ...fine, offset: 7 }, 'undecodable');
    deployment.deadLetter(fine, 'undecodable', { headers: { dl_offset: [] } });
    const kind = 'dead-letter-unexplained';
    expect(kindsIn(deployment)).toEqual([kind, kind, kind]);
  });

  test('a company held by a bad record must not be announced, and must be announced after the repair', () => {
    const deployment = new DeploymentInMemory();
    const badRecord = oneBadRecord(deployment);
    deployment.deadLetter(badRecord, 'bad-framing');
    deployment.manifest('company-1', ['d1']);
    deployment.status('company-1', 'd1', 'Complete');
    const report = auditTopics(deployment.input());
    expect(report.anomalies).toEqual([]);
    expect(report.companies.get('company-1')).toEqual({ announced: false, whyNot: 'held by a bad record' });
    deployment.status('company-1', 'd1', 'Complete', { headers: { repairs: `1/${badRecord.offset}` } });
    expect(kindsIn(deployment)).toEqual(['missing']);
  });
});

test('no limit applies to an announced company: no dead letter is expected of its records', () => {
  const deployment = new DeploymentInMemory();
  deployment.manifest('company-1', ['d1']);
  const completing = deployment.status('company-1', 'd1', 'Complete');
  deployment.announce('company-1', completing);
  deployment.status('company-1', 'd'.repeat(1_025), 'Complete');
  expect(kindsIn(deployment)).toEqual([]);
});

test('texts of 1,024 bytes, and a longer error message, are not bad', () => {
  const deployment = new DeploymentInMemory();
  deployment.status('company-1', 'd'.repeat(1_024), 'Complete');
  const changed = { datasetId: 'd', connectionId: 'c', dataType: 't', status: 'FetchError', trigger: 'LINK' };
  const payload = { ...changed, revision: null, errorMessage: 'long '.repeat(1_000) };
  deployment.event('company-1', { 'companysync.DatasetStatusChanged': payload });
  expect(kindsIn(deployment)).toEqual([]);
});
