import type { AnomalyKind } from '../../../testkit/audit/anomaly.js';
import { auditTopics } from '../../../testkit/audit/audit-topics.js';
import { summaryLine } from '../../../testkit/audit/report-lines.js';
import type { TopicRecord } from '../../../testkit/audit/topic-record.js';
import { complete, BEFORE, DeploymentInMemory } from './deployment-in-memory.js';

/** Writes one company, which the returned record completes. Nothing is announced yet. */
function oneCompleteCompany(deployment: DeploymentInMemory): TopicRecord {
  deployment.manifest('company-1', ['d1']);
  deployment.status('company-1', 'd1', 'Fetching');
  return deployment.status('company-1', 'd1', 'Complete');
}

function kindsIn(deployment: DeploymentInMemory): AnomalyKind[] {
  return auditTopics(deployment.input()).anomalies.map(({ kind }) => kind);
}

describe('announcements', () => {
  test('a correct announcement, and a company that must not be announced, leave nothing to report', () => {
    const deployment = new DeploymentInMemory();
    deployment.announce('company-1', oneCompleteCompany(deployment));
    deployment.manifest('company-2', ['d1']);
    const report = auditTopics(deployment.input());
    expect(report.anomalies).toEqual([]);
    expect(report).toMatchObject({ announced: 1, rightlyNot: 1 });
    expect(report.companies.get('company-2')).toEqual({ announced: false, whyNot: 'datasets unfinished' });
  });

  test('a missing announcement is reported, with the history of the company as evidence', () => {
    const deployment = new DeploymentInMemory();
    oneCompleteCompany(deployment);
    const [anomaly, ...others] = auditTopics(deployment.input()).anomalies;
    expect(others).toEqual([]);
    expect(anomaly).toMatchObject({ kind: 'missing', companyId: 'company-1', came: null });
    expect(anomaly?.shouldHaveCome).toMatchObject({ source: { partition: 1, offset: 2 } });
    expect(anomaly?.history).toHaveLength(3);
    expect(anomaly?.history[2]).toContain('1/2 ');
    expect(anomaly?.history[2]).toContain('dataset d1 Complete');
  });

  test('a second announcement of a company is a duplicate, even if it has the same content', () => {
    const deployment = new DeploymentInMemory();
    const completing = oneCompleteCompany(deployment);
    deployment.announce('company-1', completing);
    deployment.announce('company-1', completing);
    expect(kindsIn(deployment)).toEqual(['duplicate']);
  });

  test('an announcement by a record before the completing one is early', () => {
    const deployment = new DeploymentInMemory();
    oneCompleteCompany(deployment);
    deployment.announce('company-1', deployment.events[1] as TopicRecord);
    expect(kindsIn(deployment)).toEqual(['early']);
  });

  test('an announcement of a company that is not complete is early', () => {
    const deployment = new DeploymentInMemory();
    const manifest = deployment.manifest('company-1', ['d1']);
    deployment.announce('company-1', manifest);
    expect(kindsIn(deployment)).toEqual(['early']);
  });

  test('an announcement of a company that is not in the input is early', () => {
    const deployment = new DeploymentInMemory();
    const completing = oneCompleteCompany(deployment);
    deployment.announce('company-1', completing);
    deployment.announce('company-9', completing);
    expect(kindsIn(deployment)).toEqual(['early']);
  });

  test('an announcement by a record after the completing one is late', () => {
    const deployment = new DeploymentInMemory();
    oneCompleteCompany(deployment);
    deployment.announce('company-1', deployment.status('company-1', 'd1', 'Complete'));
    expect(kindsIn(deployment)).toEqual(['late']);
  });

  test.each([
    ['eventId', { eventId: 'fc0dfdac-5d03-55fc-b1a9-b4ba8c3d3a55' }],
    ['clientId', { clientId: 'client-2' }],
    ['companyName', { companyName: 'Other' }],
    ['synchronizedAt', { synchronizedAt: BEFORE }],
    ['trigger', { trigger: 'FIRST_DATASET' as const }],
    ['connections', { connections: [] }],
    ['datasets', { datasets: [complete('d1', 1)] }],
    ['datasets', { datasets: [complete('d1', 2), complete('d1', 2)] }],
    ['succeeded', { succeeded: 2 }],
    ['failed', { failed: 1 }],
    ['ended', { ended: 1 }],
    ['source', { source: { topic: 'sync-events', partition: 2, offset: 2 } }],
  ])('an announcement with another %s has wrong content', (field, content) => {
    const deployment = new DeploymentInMemory();
    deployment.announce('company-1', oneCompleteCompany(deployment), { content });
    const [anomaly, ...others] = auditTopics(deployment.input()).anomalies;
    expect(others).toEqual([]);
    expect(anomaly).toMatchObject({ kind: 'wrong-content', what: `wrong: ${field}`, came: content });
  });

  test.each([
    ['another ce_id', { headers: { ce_id: 'x' } }],
    ['another ce_time', { headers: { ce_time: '2023-10-10T00:00:00Z' } }],
    ['a header twice', { headers: { ce_type: ['company.synchronized.v1', 'company.synchronized.v1'] } }],
    ['a header that nobody asked for', { headers: { extra: '1' } }],
    ['a trace that its record has not', { headers: { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` } }],
    ['another partition', { partition: 2 }],
    ['another key', { key: 'company-2' }],
  ])('an announcement with %s has a wrong envelope', (_, changes) => {
    const deployment = new DeploymentInMemory();
    deployment.announce('company-1', oneCompleteCompany(deployment), changes);
    expect(kindsIn(deployment)).toEqual(['wrong-envelope']);
  });

  test('an announcement without the trace of the completing record has a wrong envelope', () => {
    const deployment = new DeploymentInMemory();
    const headers = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` };
    deployment.manifest('company-1', ['d1']);
    const completing = deployment.status('company-1', 'd1', 'Complete', { headers });
    deployment.announce('company-1', completing);
    expect(kindsIn(deployment)).toEqual(['wrong-envelope']);
    deployment.synchronized.length = 0;
    deployment.announce('company-1', completing, { headers });
    expect(kindsIn(deployment)).toEqual([]);
  });

  test('an announcement that cannot be read is unreadable, and its company is missing', () => {
    const deployment = new DeploymentInMemory();
    deployment.announce('company-1', oneCompleteCompany(deployment));
    const [record] = deployment.synchronized as [TopicRecord];
    deployment.synchronized[0] = { ...record, value: record.value?.subarray(0, -1) ?? null };
    expect(kindsIn(deployment)).toEqual(['unreadable', 'missing']);
  });

  test('a company in two partitions of the input cannot be audited', () => {
    const deployment = new DeploymentInMemory();
    deployment.manifest('company-1', ['d1'], { partition: 0 });
    deployment.manifest('company-1', ['d1'], { partition: 2 });
    expect(() => auditTopics(deployment.input())).toThrow('company company-1 is in partitions 0 and 2');
  });
});

describe('the settings of clients', () => {
  /** One dataset of two is Complete, before ALL_DATASETS_FROM: announced only under FIRST_DATASET. */
  function halfDone(deployment: DeploymentInMemory, announced: boolean): void {
    deployment.manifest('company-1', ['d1', 'd2'], { timestamp: BEFORE });
    const completing = deployment.status('company-1', 'd1', 'Complete', { timestamp: BEFORE });
    if (!announced) return;
    const other = { ...complete('d2', 0), status: 'Queued' };
    const datasets = [complete('d1', 1), other];
    deployment.announce('company-1', completing, { content: { trigger: 'FIRST_DATASET', datasets } });
  }

  test.each([
    ['that was never made', [], 'FIRST_DATASET'],
    ['of ALL_DATASETS', ['ALL_DATASETS'], 'ALL_DATASETS'],
    ['that was taken back by a tombstone', ['ALL_DATASETS', null], 'FIRST_DATASET'],
  ] as const)('the choice in force decides the expected result: a choice %s', (_, settings, inForce) => {
    const announced = new DeploymentInMemory();
    const silent = new DeploymentInMemory();
    for (const deployment of [announced, silent])
      for (const setting of settings) deployment.setting('client-1', setting);
    halfDone(announced, true);
    halfDone(silent, false);
    expect(kindsIn(announced)).toEqual(inForce === 'FIRST_DATASET' ? [] : ['early']);
    expect(kindsIn(silent)).toEqual(inForce === 'FIRST_DATASET' ? ['missing'] : []);
  });

  test('a choice that changed while events were judged allows both results', () => {
    for (const announcedByFirst of [true, false]) {
      const deployment = new DeploymentInMemory();
      deployment.settingsInPlaceBefore = 0;
      deployment.setting('client-1', 'ALL_DATASETS');
      halfDone(deployment, announcedByFirst);
      expect(kindsIn(deployment)).toEqual([]);
    }
  });

  test('a choice that changed excuses neither a missing company that is complete by both values, nor a wrong trigger', () => {
    const deployment = new DeploymentInMemory();
    deployment.settingsInPlaceBefore = 1;
    deployment.setting('client-1', 'ALL_DATASETS');
    deployment.setting('client-2', 'FIRST_DATASET');
    deployment.manifest('company-1', ['d1'], { timestamp: BEFORE });
    const completing = deployment.status('company-1', 'd1', 'Complete', { timestamp: BEFORE });
    expect(kindsIn(deployment)).toEqual(['missing']);
    deployment.announce('company-1', completing, { content: { trigger: 'FIRST_DATASET' } });
    expect(kindsIn(deployment)).toEqual(['wrong-content']);
  });
});

describe('the last line', () => {
  test('counts companies and anomalies', () => {
    const deployment = new DeploymentInMemory();
    const completing = oneCompleteCompany(deployment);
    deployment.announce('company-1', completing, { partition: 0 });
    deployment.announce('company-1', completing);
    deployment.manifest('company-2', ['d1']);
    deployment.manifest('company-3', ['d1']);
    deployment.status('company-3', 'd1', 'Complete');
    deployment.raw(null, Buffer.from('x'));
    expect(summaryLine(auditTopics(deployment.input()))).toBe(
      'audit: 3 companies, 1 announced, 1 correctly not announced, missing 1, duplicate 1, early 0, wrong content 1, ' +
        'dead letters 0 of 1, wrong dead letters 1',
    );
  });
});

describe('failures', () => {
  /** A company that has failed, was queued again, and has failed again. @returns the records by which it failed */
  function twiceFailed(deployment: DeploymentInMemory): [first: TopicRecord, second: TopicRecord] {
    deployment.manifest('company-1', ['d1']);
    const first = deployment.status('company-1', 'd1', 'FetchError');
    deployment.status('company-1', 'd1', 'Queued');
    return [first, deployment.status('company-1', 'd1', 'FetchError')];
  }

  test('one for each time that the company has failed leaves nothing to report', () => {
    const deployment = new DeploymentInMemory();
    twiceFailed(deployment).forEach((cause, i) => deployment.fail('company-1', cause, i + 1));
    expect(kindsIn(deployment)).toEqual([]);
  });

  test('one that did not come is missing', () => {
    const deployment = new DeploymentInMemory();
    deployment.fail('company-1', twiceFailed(deployment)[0], 1);
    expect(kindsIn(deployment)).toEqual(['missing']);
  });

  test('a second one of the same record is a duplicate', () => {
    const deployment = new DeploymentInMemory();
    const [first, second] = twiceFailed(deployment);
    for (const [cause, attempt] of [
      [first, 1],
      [second, 2],
      [second, 3],
    ] as const)
      // prettier-ignore
      deployment.fail('company-1', cause, attempt);
    expect(kindsIn(deployment)).toEqual(['duplicate']);
  });

  test('one of a record that leaves the company in that state is early', () => {
    const deployment = new DeploymentInMemory();
    deployment.manifest('company-1', ['d1']);
    deployment.fail('company-1', deployment.status('company-1', 'd1', 'FetchError'), 1);
    deployment.fail('company-1', deployment.status('company-1', 'd1', 'FetchError'), 2);
    expect(kindsIn(deployment)).toEqual(['early']);
  });

  test('one with the number of another attempt has a wrong content', () => {
    const deployment = new DeploymentInMemory();
    const [first, second] = twiceFailed(deployment);
    deployment.fail('company-1', first, 1);
    deployment.fail('company-1', second, 1);
    const [anomaly] = auditTopics(deployment.input()).anomalies;
    expect(anomaly).toMatchObject({ kind: 'wrong-content', what: 'wrong in a failure: eventId, attempt' });
  });

  test('after a release that does not publish them, only those that came are checked, and numbered as they came', () => {
    const deployment = new DeploymentInMemory();
    deployment.fail('company-1', twiceFailed(deployment)[1], 1, { linkedAt: null });
    expect(auditTopics({ ...deployment.input(), olderReleasesRan: true }).anomalies).toEqual([]);
    expect(kindsIn(deployment)).toEqual(['wrong-content', 'wrong-envelope', 'missing']);
  });
});
