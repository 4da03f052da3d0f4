/** Histories with one fault each. The verifier finds the fault, and nothing else. */
import type { FindingKind } from '../../../src/verify/finding.js';
import { eventIdOf } from '../../../testkit/reference-model.js';
import type { TopicRecord } from '../../../testkit/audit/topic-record.js';
import { BEFORE, complete, DeploymentInMemory } from '../audit/deployment-in-memory.js';
import { verifyInMemory, type Options } from './verify-in-memory.js';

const KEY = Buffer.from('company-1');
const NONSENSE = Buffer.from('nonsense that is long enough');
const HOUR_MS = 3_600_000;

async function kindsIn(deployment: DeploymentInMemory, options?: Options): Promise<FindingKind[]> {
  const { findings, anomalies } = await verifyInMemory(deployment.input(), options);
  expect(anomalies).toBe(findings.length);
  return findings.map(({ kind }) => kind);
}

/** Writes one company, which the returned record completes. Nothing is announced yet. */
function oneCompleteCompany(deployment: DeploymentInMemory, datasetIds = ['d1']): TopicRecord {
  deployment.manifest('company-1', datasetIds);
  deployment.status('company-1', datasetIds[0] as string, 'Fetching');
  const records = datasetIds.map((id) => deployment.status('company-1', id, 'Complete'));
  return records.at(-1) as TopicRecord;
}

/** Two datasets, the second Complete at offset 3. */
function twoDatasets(deployment: DeploymentInMemory): TopicRecord {
  return oneCompleteCompany(deployment, ['d1', 'd2']);
}
const BOTH = [complete('d1', 2), complete('d2', 3)];

/** One dataset of two is Complete, before ALL_DATASETS_FROM: announced only by FIRST_DATASET. */
function halfDone(deployment: DeploymentInMemory): TopicRecord {
  deployment.manifest('company-1', ['d1', 'd2'], { timestamp: BEFORE });
  return deployment.status('company-1', 'd1', 'Complete', { timestamp: BEFORE });
}
const HALF = { datasets: [complete('d1', 1), { ...complete('d2', 0), status: 'Queued' }] };

const FAULTS: Readonly<Record<string, [kinds: FindingKind[], plant: (deployment: DeploymentInMemory) => void]>> = {
  'a company that was not announced': [['missing'], (d) => void oneCompleteCompany(d)],
  'a company announced twice, with one id': [
    ['duplicate'],
    (d) => {
      const completing = oneCompleteCompany(d);
      d.announce('company-1', completing);
      d.announce('company-1', completing);
    },
  ],
  'a company announced twice, with two ids': [
    ['duplicate'],
    (d) => {
      const completing = oneCompleteCompany(d);
      const eventId = eventIdOf('company-1', 'another namespace');
      d.announce('company-1', completing);
      d.announce('company-1', completing, { content: { eventId }, headers: { ce_id: eventId } });
    },
  ],
  'a company announced again by a later record': [
    ['duplicate'],
    (d) => {
      d.announce('company-1', oneCompleteCompany(d));
      d.announce('company-1', d.status('company-1', 'd1', 'Complete'));
    },
  ],
  'a company announced early by one dataset': [
    ['early'],
    (d) => {
      twoDatasets(d);
      const datasets = [complete('d1', 2), { ...complete('d2', 0), status: 'Queued' }];
      d.announce('company-1', d.events[2] as TopicRecord, { content: { datasets } });
    },
  ],
  'a company announced with an unfinished dataset that never finished': [
    ['early'],
    (d) => {
      d.manifest('company-1', ['d1', 'd2']);
      d.announce('company-1', d.status('company-1', 'd1', 'Complete'));
    },
  ],
  'a company announced before its link was sealed': [
    ['early'],
    (d) => {
      const payload = { linkId: 'l', connectionId: 'c', sourceType: 's', companyName: 'Name', isFinal: false };
      const datasets = [{ datasetId: 'd1', dataType: 'invoices' }];
      d.event('company-1', { 'companysync.LinkSyncQueued': { ...payload, datasets } });
      d.announce('company-1', d.status('company-1', 'd1', 'Complete'));
    },
  ],
  'a company announced one record late': [
    ['late'],
    (d) => {
      oneCompleteCompany(d);
      d.announce('company-1', d.status('company-1', 'd1', 'Complete'));
    },
  ],
  'an announcement of another client': [
    ['wrong-content'],
    (d) => d.announce('company-1', oneCompleteCompany(d), { content: { clientId: 'client-2' } }),
  ],
  'an announcement with other source types': [
    ['wrong-content'],
    (d) =>
      d.announce('company-1', oneCompleteCompany(d), {
        content: { connections: [{ connectionId: 'c', sourceType: 'other' }] },
      }),
  ],
  'an announcement with another policy': [
    ['wrong-content'],
    (d) => d.announce('company-1', oneCompleteCompany(d), { content: { trigger: 'FIRST_DATASET' } }),
  ],
  'an announcement with another time': [
    ['wrong-content'],
    (d) => {
      const completing = oneCompleteCompany(d);
      d.announce('company-1', completing, { content: { synchronizedAt: completing.timestamp + 1 } });
    },
  ],
  'an announcement whose dataset was decided at another offset': [
    ['wrong-content'],
    (d) => d.announce('company-1', oneCompleteCompany(d), { content: { datasets: [complete('d1', 1)] } }),
  ],
  'an announcement without one of the datasets': [
    ['wrong-content'],
    (d) => d.announce('company-1', twoDatasets(d), { content: { datasets: BOTH.slice(1) } }),
  ],
  'an announcement with wrong counts': [
    ['wrong-content'],
    (d) => d.announce('company-1', twoDatasets(d), { content: { datasets: BOTH } }), // succeeded 1
  ],
  'an announcement whose completing record was aborted': [
    ['early'],
    (d) => {
      const completing = oneCompleteCompany(d);
      const other = d.manifest('company-2', ['d1']);
      d.events.splice(d.events.indexOf(completing), 1); // A reader of committed records does not see it.
      expect(other.offset).toBe(completing.offset + 1);
      d.announce('company-1', completing);
    },
  ],
  'an announcement that counts an aborted status': [
    ['wrong-content'],
    (d) => {
      d.manifest('company-1', ['d1', 'd2']);
      const aborted = d.status('company-1', 'd2', 'FetchError');
      const unlinking = d.event('company-1', { 'companysync.ConnectionUnlinked': { connectionId: 'c' } });
      const first = d.status('company-1', 'd1', 'Complete');
      d.events.splice(d.events.indexOf(aborted), 1);
      const byAborted = { ...complete('d2', aborted.offset), status: 'FetchError' };
      const datasets = [complete('d1', first.offset), byAborted];
      expect(unlinking.offset).toBe(2); // d2 counts as Cancelled at this offset.
      d.announce('company-1', first, { content: { datasets, failed: 1 } });
    },
  ],
  'an announcement of a company that is on hold': [
    ['early'],
    (d) => {
      d.deadLetter(d.raw(KEY, NONSENSE), 'bad-framing');
      d.announce('company-1', oneCompleteCompany(d), { content: { datasets: [complete('d1', 3)] } });
    },
  ],
  'an announcement after the deletion': [
    ['early'],
    (d) => {
      d.manifest('company-1', ['d1']);
      d.event('company-1', { 'companysync.CompanyDeleted': {} });
      d.announce('company-1', d.status('company-1', 'd1', 'Complete'));
    },
  ],
  'an announcement of a company that another system has announced': [
    ['early'],
    (d) => {
      d.event('company-1', { 'companysync.AnnouncedElsewhere': { by: null } });
      d.announce('company-1', oneCompleteCompany(d));
    },
  ],
  'an announcement of a company in which everything failed': [
    ['early'],
    (d) => {
      d.manifest('company-1', ['d1']);
      const failed = d.status('company-1', 'd1', 'FetchError');
      const datasets = [{ ...complete('d1', 1), status: 'FetchError' }];
      d.announce('company-1', failed, { content: { datasets, succeeded: 0, failed: 1 } });
    },
  ],
  'an announcement by FIRST_DATASET of a client that has chosen ALL_DATASETS': [
    ['early'],
    (d) => {
      d.setting('client-1', 'ALL_DATASETS');
      d.settings[0] = { ...(d.settings[0] as TopicRecord), timestamp: BEFORE - HOUR_MS };
      d.announce('company-1', halfDone(d), { content: { trigger: 'FIRST_DATASET', ...HALF } });
    },
  ],
  'no announcement by FIRST_DATASET': [['missing'], (d) => void halfDone(d)],
  'an announcement of a company that is not in the input': [
    ['early'],
    (d) => {
      const completing = oneCompleteCompany(d);
      d.announce('company-1', completing);
      d.announce('company-9', completing);
    },
  ],
  'an announcement by a record beyond the end of the input': [
    ['wrong-content', 'missing'],
    (d) => {
      const completing = oneCompleteCompany(d);
      d.announce('company-1', { ...completing, offset: 99 });
    },
  ],
  'an announcement in another partition': [
    ['wrong-envelope'],
    (d) => d.announce('company-1', oneCompleteCompany(d), { partition: 2 }),
  ],
  'an announcement with another key': [
    ['wrong-envelope'],
    (d) => d.announce('company-1', oneCompleteCompany(d), { key: 'company-2' }),
  ],
  'an announcement with another header': [
    ['wrong-envelope'],
    (d) => d.announce('company-1', oneCompleteCompany(d), { headers: { ce_id: 'x' } }),
  ],
  'an announcement that cannot be read': [
    ['unreadable', 'missing'],
    (d) => {
      d.announce('company-1', oneCompleteCompany(d));
      const [record] = d.synchronized as [TopicRecord];
      d.synchronized[0] = { ...record, value: record.value?.subarray(0, -1) ?? null };
    },
  ],
  'a dead letter that is missing': [['dead-letter-lost'], (d) => void d.raw(KEY, NONSENSE)],
  'a dead letter that is missing, of a record without a key': [['dead-letter-lost'], (d) => void d.raw(null, NONSENSE)],
  'a dead letter that is there twice': [
    ['dead-letter-duplicate'],
    (d) => {
      const bad = d.raw(KEY, NONSENSE);
      d.deadLetter(bad, 'bad-framing');
      d.deadLetter(bad, 'bad-framing');
    },
  ],
  'a dead letter with another code': [
    ['dead-letter-altered'],
    (d) => d.deadLetter(d.raw(KEY, NONSENSE), 'undecodable'),
  ],
  'a dead letter with another value': [
    ['dead-letter-altered'],
    (d) => d.deadLetter(d.raw(KEY, NONSENSE), 'bad-framing', { record: { value: Buffer.from('other') } }),
  ],
  'a dead letter that has lost a header of its record': [
    ['dead-letter-altered'],
    (d) => d.deadLetter(d.raw(KEY, NONSENSE, { headers: { own: ['1', null] } }), 'bad-framing', { ownHeaders: {} }),
  ],
  'a dead letter of another time': [
    ['dead-letter-altered'],
    (d) => d.deadLetter(d.raw(KEY, NONSENSE), 'bad-framing', { headers: { dl_timestamp: '0' } }),
  ],
  'a dead letter of a good record': [
    ['dead-letter-unexplained'],
    (d) => d.deadLetter(d.manifest('company-1', ['d1']), 'undecodable'),
  ],
  'a dead letter of a record that does not exist': [
    ['dead-letter-unexplained'],
    (d) => {
      const record = d.manifest('company-1', ['d1']);
      const { offset } = d.manifest('company-2', ['d1']);
      d.deadLetter({ ...record, offset }, 'undecodable');
    },
  ],
};

test.each(Object.entries(FAULTS))('%s is found, and nothing else', async (_, [kinds, plant]) => {
  const deployment = new DeploymentInMemory();
  const other = deployment.manifest('company-0', ['d1'], { partition: 0 });
  expect(other.offset).toBe(0);
  deployment.announce('company-0', deployment.status('company-0', 'd1', 'Complete', { partition: 0 }), {
    content: { datasets: [complete('d1', 1)] },
  });
  expect(await kindsIn(deployment)).toEqual([]);
  plant(deployment);
  expect(await kindsIn(deployment)).toEqual(kinds);
});

test('at least twenty faults are planted, and every kind of finding', () => {
  expect(Object.keys(FAULTS).length).toBeGreaterThan(20);
});

describe('a finding names its evidence', () => {
  test('an early announcement: the dataset that was not finished, with its offset', async () => {
    const deployment = new DeploymentInMemory();
    FAULTS['a company announced early by one dataset']?.[1](deployment);
    const [finding] = (await verifyInMemory(deployment.input())).findings;
    expect(finding?.what).toBe('announced by offset 2, completed by offset 3: not finished: d2 Queued (offset 0)');
    expect(finding?.history).toHaveLength(4);
    expect(finding?.history[3]).toContain('1/3 ');
    expect(finding?.history[3]).toContain('dataset d2 Complete');
  });

  test('a wrong list of datasets: only the entries that differ', async () => {
    const deployment = new DeploymentInMemory();
    const datasetIds = Array.from({ length: 9 }, (_, i) => `d${i}`);
    const completing = oneCompleteCompany(deployment, datasetIds);
    const datasets = datasetIds.map((id, i) => complete(id, 2 + i));
    datasets[4] = complete('d4', 1);
    deployment.announce('company-1', completing, { content: { datasets, succeeded: 9 } });
    const [finding] = (await verifyInMemory(deployment.input())).findings;
    expect(finding).toMatchObject({ came: { datasets: [complete('d4', 1)] } });
    expect(finding).toMatchObject({ shouldHaveCome: { datasets: [complete('d4', 6)] } });
  });
});

describe('what cannot be judged is said, and is not a finding', () => {
  async function fatesOf(deployment: DeploymentInMemory, options: Options): Promise<object> {
    const { findings, fates } = await verifyInMemory(deployment.input(), options);
    expect(findings).toEqual([]);
    return fates;
  }

  test('a company whose first records are gone: its event is compared with what is left', async () => {
    const deployment = new DeploymentInMemory();
    deployment.announce('company-1', twoDatasets(deployment), { content: { datasets: BOTH, succeeded: 2 } });
    expect(await fatesOf(deployment, {})).toEqual({ announced: 1 });
    expect(await fatesOf(deployment, { from: 1 })).toEqual({ 'input-gone-event-checked': 1 });
    expect(await fatesOf(deployment, { from: 4 })).toEqual({ 'input-gone': 1 });
  });

  test('a company whose first records were removed after the command had begun', async () => {
    const deployment = new DeploymentInMemory();
    deployment.announce('company-1', twoDatasets(deployment), { content: { datasets: BOTH, succeeded: 2 } });
    expect(await fatesOf(deployment, { left: 1 })).toEqual({ 'input-gone-event-checked': 1 });
  });

  test('a company whose input is complete after a part was lost counts as proved', async () => {
    const deployment = new DeploymentInMemory();
    deployment.manifest('company-0', ['d1']);
    const { partition } = deployment.manifest('company-1', ['d1']);
    const completing = deployment.status('company-1', 'd1', 'Complete');
    expect(partition).toBe(1);
    deployment.announce('company-1', completing);
    expect(await fatesOf(deployment, { from: 1 })).toEqual({ announced: 1 });
  });

  test('a company that seems complete by what is left is not missing', async () => {
    const deployment = new DeploymentInMemory();
    deployment.raw(KEY, NONSENSE);
    oneCompleteCompany(deployment);
    expect(await fatesOf(deployment, { from: 1 })).toEqual({ 'input-gone': 1 });
  });

  test('a company that was held by a record that is gone, and repaired, is not late', async () => {
    const deployment = new DeploymentInMemory();
    deployment.raw(KEY, NONSENSE);
    oneCompleteCompany(deployment);
    const repair = deployment.status('company-1', 'd1', 'Complete', { headers: { repairs: '1/0' } });
    deployment.announce('company-1', repair);
    expect(await fatesOf(deployment, { from: 1 })).toEqual({ 'input-gone-event-checked': 1 });
  });

  test('a company that is still open at the end', async () => {
    const deployment = new DeploymentInMemory();
    deployment.announce('company-1', oneCompleteCompany(deployment));
    expect(await fatesOf(deployment, { to: 2 })).toEqual({ open: 1 });
  });

  test('a company whose event is older than the topic', async () => {
    const deployment = new DeploymentInMemory();
    oneCompleteCompany(deployment);
    expect(await fatesOf(deployment, { isTruncated: true })).toEqual({ 'event-may-be-gone': 1 });
  });

  test('a dead letter that is older than the topic', async () => {
    const deployment = new DeploymentInMemory();
    deployment.raw(KEY, NONSENSE);
    expect(await fatesOf(deployment, { isTruncated: true })).toEqual({ 'dead-letter-may-be-gone': 1 });
  });

  test('a company in several partitions; but a second announcement of it is found', async () => {
    const deployment = new DeploymentInMemory();
    deployment.manifest('company-1', ['d1'], { partition: 0 });
    deployment.manifest('company-1', ['d1'], { partition: 2 });
    const completing = deployment.status('company-1', 'd1', 'Complete', { partition: 2 });
    expect(await fatesOf(deployment, {})).toEqual({ 'several-partitions': 1 });
    deployment.announce('company-1', completing);
    expect(await fatesOf(deployment, {})).toEqual({ 'several-partitions': 1 });
    deployment.announce('company-1', deployment.status('company-1', 'd1', 'Complete', { partition: 0 }));
    expect(await kindsIn(deployment)).toEqual(['duplicate']);
  });

  test('a record of a schema that was unknown and is registered now', async () => {
    const deployment = new DeploymentInMemory();
    deployment.deadLetter(deployment.manifest('company-1', ['d1']), 'unknown-schema');
    expect(await fatesOf(deployment, {})).toEqual({ 'schema-registered-since': 1 });
  });

  test('a company announced by a release that did not know the word RoutingError', async () => {
    const deployment = new DeploymentInMemory();
    deployment.manifest('company-1', ['d1', 'd2']);
    deployment.status('company-1', 'd1', 'Complete');
    deployment.status('company-1', 'd2', 'RoutingError');
    const completing = deployment.status('company-1', 'd2', 'Complete');
    const datasets = [complete('d1', 1), complete('d2', 3)];
    deployment.announce('company-1', completing, { content: { datasets, succeeded: 2 } });
    expect(await fatesOf(deployment, {})).toEqual({ 'later-word': 1 });
  });

  test('the choice of a client, an hour before and after it was changed', async () => {
    const deployment = new DeploymentInMemory();
    deployment.setting('client-1', 'ALL_DATASETS');
    const [setting] = deployment.settings as [TopicRecord];
    deployment.announce('company-1', halfDone(deployment), { content: { trigger: 'FIRST_DATASET', ...HALF } });
    const [announced] = deployment.synchronized as [TopicRecord];
    const writtenAfter = (ms: number) =>
      (deployment.synchronized[0] = { ...announced, timestamp: setting.timestamp + ms });
    writtenAfter(HOUR_MS - 1);
    expect(await fatesOf(deployment, {})).toEqual({ announced: 1 });
    writtenAfter(HOUR_MS);
    expect(await kindsIn(deployment)).toEqual(['early']);
  });
});

test('contradictions with what is left of the input are found', async () => {
  const faults: Record<string, object> = {
    clientId: { clientId: 'client-2' },
    synchronizedAt: { synchronizedAt: 1 },
    'its datasets count': { succeeded: 1 },
    'it lacks the dataset': { datasets: [complete('d1', 2)], succeeded: 1 },
    contradicts: { datasets: [complete('d1', 1), complete('d2', 3)] },
    'not finished': { datasets: [complete('d1', 2), { ...complete('d2', 3), status: 'Fetching' }], succeeded: 1 },
    'FIRST_DATASET was not': { trigger: 'FIRST_DATASET' },
    'it lacks the connection': { connections: [] },
    companyName: { companyName: 'Other' },
  };
  for (const [what, content] of Object.entries(faults)) {
    const deployment = new DeploymentInMemory();
    deployment.manifest('company-0', ['d0']); // Its record is gone.
    deployment.manifest('company-1', ['d1', 'd2']);
    deployment.status('company-1', 'd1', 'Complete');
    const completing = deployment.status('company-1', 'd2', 'Complete');
    const right = { datasets: [complete('d1', 2), complete('d2', 3)], succeeded: 2 };
    deployment.announce('company-1', completing, { content: right });
    expect(await kindsIn(deployment, { from: 1 })).toEqual([]);
    deployment.synchronized.length = 0;
    deployment.announce('company-1', completing, { content: { ...right, ...content } });
    const { findings } = await verifyInMemory(deployment.input(), { from: 1 });
    expect([what, findings.map(({ kind }) => kind)]).toEqual([what, ['wrong-content']]);
  }
});

test('only one company is verified with companyId', async () => {
  const deployment = new DeploymentInMemory();
  oneCompleteCompany(deployment);
  deployment.manifest('company-2', ['d1']);
  expect(await kindsIn(deployment, { companyId: 'company-1' })).toEqual(['missing']);
  expect(await kindsIn(deployment, { companyId: 'company-2' })).toEqual([]);
});

test('an event that was sent again is no second announcement, but its content is compared', async () => {
  const deployment = new DeploymentInMemory();
  const completing = oneCompleteCompany(deployment);
  deployment.announce('company-1', completing);
  deployment.announce('company-1', completing, { headers: { resent_from: 'company-synchronized/1/0' } });
  expect(await kindsIn(deployment)).toEqual([]);
  deployment.synchronized.shift();
  expect(await kindsIn(deployment)).toEqual([]);
});

test('announcements and dead letters of another deployment are left out', async () => {
  const deployment = new DeploymentInMemory();
  const completing = oneCompleteCompany(deployment);
  deployment.announce('company-1', completing);
  deployment.announce('company-1', completing, { headers: { ce_source: '/other/sync-events/1' } });
  deployment.deadLetter(completing, 'undecodable', { headers: { dl_topic: 'other' } });
  const { findings, leftOut } = await verifyInMemory(deployment.input());
  expect(findings).toEqual([]);
  expect(leftOut).toEqual({ ofOthers: 2, afterEnd: 0 });
});

test('an announcement with wrong content that says it was sent again is found', async () => {
  const deployment = new DeploymentInMemory();
  const completing = oneCompleteCompany(deployment);
  const eventId = eventIdOf('company-1', 'another namespace');
  deployment.announce('company-1', completing);
  deployment.announce('company-1', completing, {
    content: { eventId, clientId: 'mallory', datasets: [] },
    headers: { ce_id: eventId, resent_from: 'company-synchronized/1/0' },
  });
  expect(await kindsIn(deployment)).toContain('wrong-content');
});

test('copies that say they were sent again do not hide the right announcement', async () => {
  const deployment = new DeploymentInMemory();
  const completing = oneCompleteCompany(deployment);
  const wrong = {
    content: { source: { topic: 'sync-events', partition: 1, offset: 0 } },
    headers: { resent_from: 'company-synchronized/1/0' },
  };
  for (let i = 0; i < 6; i++) deployment.announce('company-1', completing, wrong);
  deployment.announce('company-1', completing);
  expect(await kindsIn(deployment)).not.toContain('early');
});
