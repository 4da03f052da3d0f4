/** The explanation of a company: every verdict, and the fine print about it. */
import * as fc from 'fast-check';
import { explain, explainUnknown, withAnnouncedContent } from '../../../src/domain/explain.js';
import type { Explanation } from '../../../src/domain/explanation.js';
import type { Policy } from '../../../src/domain/policy.js';
import { companyHistory, CONTEXT } from '../../support/company-history.js';
import { judgeCompany } from '../../../testkit/reference-model.js';
import { asOldReleaseReads, CompanyInStore } from './company-in-store.js';
import {
  announcedElsewhere,
  badRecord,
  companyAfter,
  deleted,
  earlier,
  historyOf,
  manifest,
  part,
  repairing,
  status,
  unlinked,
  type Draft,
} from './histories.js';

const SINCE = '2023-10-10T01:00:00.000Z';
const asOf = { topic: CONTEXT.topic, partition: CONTEXT.partition, offset: 1_000 };

function explained(policy: Policy, ...drafts: readonly Draft[]): Explanation {
  return explain(companyAfter(...drafts).storedRows(), { asOf, policy });
}

function verdict(...drafts: readonly Draft[]): [Explanation['verdict'], string] {
  const explanation = explained('ALL_DATASETS', ...drafts);
  return [explanation.verdict, explanation.sentence];
}

test('a company that an older release left waiting for a word that it did not know is due, and says why', () => {
  const company = new CompanyInStore(CONTEXT);
  const drafts = [manifest('l', 'c', ['a', 'b']), status('a', 'Complete'), status('b', 'RoutingError')];
  company.apply(...historyOf(drafts).map(asOldReleaseReads));
  company.settle();
  const waiting = explain(company.storedRows(), { asOf, policy: 'ALL_DATASETS' });
  expect(waiting.notes).toEqual([
    'the status word "RoutingError, which is not known" is unknown, so its datasets count as in progress',
  ]);
  company.changeRelease('new');
  const due = explain(company.storedRows(), { asOf, policy: 'ALL_DATASETS' });
  expect([due.verdict, due.notes, due.counts]).toEqual([
    'due',
    [],
    { datasets: 2, unfinished: 0, complete: 1, failed: 1, ended: 0 },
  ]);
  expect(due.sentence).toContain('the previous release did not know a status word');
});

describe('the verdict on a company that', () => {
  test('nothing was seen of', () => {
    const { verdict, sentence, asOf: spoken, notes } = explainUnknown('c', asOf);
    expect([verdict, sentence, spoken]).toEqual(['unknown', 'no record of this company was seen', asOf]);
    expect(notes.join()).toContain('REFRESH');
    expect(explained('ALL_DATASETS', status('a', 'Complete', { trigger: 'REFRESH' }), unlinked('c')).verdict).toBe(
      'unknown',
    );
  });

  test('was deleted', () => {
    expect(verdict(manifest('l', 'c', ['a']), deleted())).toEqual([
      'deleted',
      `deleted at ${SINCE} by record 3/1: it will never be announced`,
    ]);
  });

  test('was announced elsewhere', () => {
    expect(verdict(manifest('l', 'c', ['a']), badRecord(), announcedElsewhere())).toEqual([
      'announced-elsewhere',
      `announced by another system, reported at ${SINCE} by record 3/2: it is not announced here`,
    ]);
  });

  test('was announced', () => {
    const history = [manifest('l', 'c', ['a', 'b', 'd']), status('a', 'Complete'), status('b', 'MapError')];
    const explanation = explained('ALL_DATASETS', ...history, status('d', 'NotSupported'));
    expect(explanation).toMatchObject({
      verdict: 'announced',
      sentence: `announced at ${SINCE}: 1 complete, 1 failed, 1 ended without data`,
      policy: 'ALL_DATASETS',
      counts: { datasets: 3, unfinished: 0, complete: 1, failed: 1, ended: 1 },
      decidedBy: { offset: 3, at: SINCE },
      datasets: [],
    });
  });

  test('was announced by its first dataset', () => {
    const history = [manifest('l', 'c', ['a', 'b']), status('a', 'Complete')];
    expect(verdict(...history.map((draft) => earlier(null, draft)))).toEqual([
      'announced',
      'announced at 2023-10-09T23:00:00.000Z: 1 complete, 0 failed, 1 still in progress (policy FIRST_DATASET)',
    ]);
  });

  test('has a status and no manifest', () => {
    const explanation = explained('ALL_DATASETS', status('a', 'Complete'));
    expect(explanation).toMatchObject({
      verdict: 'no-manifest',
      sentence: 'no manifest was seen yet, so the datasets to wait for are unknown; 1 dataset already had a status',
      counts: { datasets: 0 },
      early: [{ datasetId: 'a', latest: { status: 'Complete', offset: 0, since: SINCE } }],
      notes: ['1 dataset named by no manifest has a status, which counts once a manifest names it'],
    });
  });

  test('waits for datasets, those that wait longest first', () => {
    const history = [
      manifest('l', 'c1', ['a', 'b', 'x', 'y']),
      manifest('m', 'c2', ['d'], { datasets: [{ datasetId: 'd', dataType: 'bills' }] }),
      status('x', 'Complete'),
      status('a', 'Fetching'),
    ];
    expect(verdict(...history)).toEqual([
      'waiting',
      `waiting for 4 of 5 datasets on 2 connections: invoices Queued since ${SINCE}, ` +
        `invoices Queued since ${SINCE}, bills Queued since ${SINCE}, 1 more`,
    ]);
  });

  test('waits for datasets and for the rest of a manifest', () => {
    expect(verdict(part('l', 'c', ['a']))).toEqual([
      'waiting',
      `waiting for 1 of 1 dataset on 1 connection: invoices Queued since ${SINCE}; ` +
        'and for the final manifest of link l of connection c',
    ]);
  });

  test('waits for the rest of manifests alone', () => {
    const history = [part('l', 'c', ['a']), part('m', 'c', []), status('a', 'Complete')];
    expect(verdict(...history)).toEqual([
      'unsealed',
      'waiting for the final manifest of link l of connection c and 1 more link: 1 of 1 dataset named so far has finished',
    ]);
    expect(verdict(part('l', 'c', []))[1]).toContain('no dataset was named so far');
  });

  test('has links without datasets', () => {
    expect(verdict(manifest('l', 'c', []))).toEqual([
      'no-datasets',
      'its links name no datasets, so there is nothing to announce',
    ]);
  });

  test('has no dataset that is Complete', () => {
    expect(verdict(manifest('l', 'c', ['a', 'b']), status('a', 'AuthError'), unlinked('c'))).toEqual([
      'none-complete',
      'first sync is over, nothing succeeded: all 2 datasets have finished, none is Complete (1 failed, 1 ended without data); ' +
        'a re-queue or another link may still complete it',
    ]);
  });

  test('waits for its first dataset', () => {
    expect(explained('FIRST_DATASET', earlier(null, part('l', 'c', ['a']))).sentence).toBe(
      'waiting for a first Complete dataset (policy FIRST_DATASET), 1 of 1 dataset on 1 connection: ' +
        'invoices Queued since 2023-10-09T23:00:00.000Z',
    );
  });

  test('was judged by ALL_DATASETS and would now be by FIRST_DATASET', () => {
    const history = [manifest('l', 'c', ['a', 'b']), status('a', 'Complete')];
    const judged = history.map((draft) => earlier('ALL_DATASETS', draft));
    expect(explained('ALL_DATASETS', ...judged).verdict).toBe('waiting');
    expect(explained('FIRST_DATASET', ...judged)).toMatchObject({
      verdict: 'due',
      sentence: 'nothing is left to wait for under FIRST_DATASET: the next record that counts will announce it',
    });
  });
});

describe('a held company', () => {
  const complete = [manifest('l', 'c', ['a']), badRecord(), status('a', 'Complete')];

  test('is said to be held, with every hold and what lifts it', () => {
    const explanation = explained('ALL_DATASETS', ...complete);
    expect(explanation).toMatchObject({
      verdict: 'held',
      sentence: 'held: record 3/1 could not be decoded',
      holds: [{ record: '3/1', code: 'undecodable', reason: 'could not be decoded', at: SINCE }],
    });
  });

  test('is said to wait for other things also', () => {
    expect(verdict(badRecord('key-mismatch'), badRecord(), manifest('l', 'c', ['a']))).toEqual([
      'held',
      'held: record 3/0 has another companyId than its key, and 1 more record holds it; also, ' +
        `waiting for 1 of 1 dataset on 1 connection: invoices Queued since ${SINCE}`,
    ]);
    expect(verdict(badRecord())[1]).toMatch(/also, no manifest was seen yet/);
  });

  test('is held by what the repair did not name', () => {
    const history = [...complete, badRecord(), repairing([1], status('a', 'Complete'))];
    expect(explained('ALL_DATASETS', ...history).holds.map(({ record }) => record)).toEqual(['3/3']);
  });
});

describe('the datasets and links of an explanation', () => {
  test('a derived Cancelled is shown with the unlinking that decided it and the status of its own', () => {
    const explanation = explained(
      'ALL_DATASETS',
      ...[part('l', 'c', ['a']), manifest('m', 'd', ['b']), status('a', 'Fetching', { revision: 7 }), unlinked('c')],
    );
    expect(explanation.datasets).toEqual([
      {
        datasetId: 'b',
        dataType: 'invoices',
        connectionId: 'd',
        linkId: 'm',
        status: 'Queued',
        class: 'in-progress',
        decidedAtOffset: 1,
        since: SINCE,
        revision: null,
        own: null,
      },
      {
        datasetId: 'a',
        dataType: 'invoices',
        connectionId: 'c',
        linkId: 'l',
        status: 'Cancelled',
        class: 'ended',
        decidedAtOffset: 3,
        since: null,
        revision: '7',
        own: { status: 'Fetching', offset: 2, since: SINCE },
      },
    ]);
    expect(explanation.links).toEqual([
      {
        linkId: 'm',
        connectionId: 'd',
        sourceType: 'source',
        state: 'sealed',
        endedAtOffset: null,
        datasets: 1,
        unfinished: 1,
      },
      {
        linkId: 'l',
        connectionId: 'c',
        sourceType: 'source',
        state: 'ended',
        endedAtOffset: 3,
        datasets: 1,
        unfinished: 0,
      },
    ]);
  });

  test('a dataset named by several manifests is of the latest link, and an empty link is listed', () => {
    const { datasets, links } = explained('ALL_DATASETS', manifest('l', 'c', ['a']), part('m', 'd', ['a']));
    expect(datasets).toMatchObject([{ datasetId: 'a', linkId: 'm', connectionId: 'd', decidedAtOffset: 0 }]);
    expect(links).toMatchObject([
      { linkId: 'm', state: 'open', datasets: 1 },
      { linkId: 'l', state: 'sealed', datasets: 0 },
    ]);
  });

  test('early datasets that were forgotten are told', () => {
    const many = Array.from({ length: 1_001 }, (_, i) => status(`d${i}`, 'Fetching'));
    expect(explained('ALL_DATASETS', ...many).notes).toContain(
      '500 datasets were forgotten, with their statuses, before a manifest named them: too many at once',
    );
  });

  test('of an announced company are those of its announcement', () => {
    const company = companyAfter(manifest('l', 'c', ['a']), status('a', 'Complete'));
    const explanation = explain(company.storedRows(), { asOf, policy: 'ALL_DATASETS' });
    const [announcement] = company.announcements;
    if (announcement === undefined) throw new Error('it was not announced');
    expect(withAnnouncedContent(explanation, announcement)).toMatchObject({
      companyName: 'name',
      sentence: explanation.sentence,
      datasets: [{ datasetId: 'a', status: 'Complete', class: 'succeeded', decidedAtOffset: 1, since: null }],
    });
  });
});

test('a stamp that no calendar has breaks nothing', () => {
  const far = { ...status('a', 'Complete'), timestamp: Number.MAX_SAFE_INTEGER };
  expect(explained('ALL_DATASETS', far).early[0]?.latest.since).toBe('9999-12-31T23:59:59.999Z');
});

test('every company of any history is explained as the reference model judges it', () => {
  fc.assert(
    fc.property(companyHistory, (history) => {
      const company = new CompanyInStore(CONTEXT);
      for (const record of history) company.apply(record);
      company.settle();
      const judged = judgeCompany(history, CONTEXT);
      const explanation = explain(company.storedRows(), { asOf, policy: 'ALL_DATASETS' });
      const final = ['announced', 'announced-elsewhere', 'deleted'].includes(explanation.verdict);
      const outcome = final ? explanation.verdict : 'pending';
      expect(outcome).toBe(judged.outcome);
      if (outcome !== 'pending') return;
      expect(explanation.holds.map(({ record }) => record).sort()).toEqual(judged.openHolds);
      expect(explanation.verdict === 'held').toBe(judged.openHolds.length > 0);
      const standing = judged.standings.at(-1) ?? null;
      const waiting = explanation.datasets.filter((dataset) => dataset.class === 'in-progress');
      expect(waiting.map(({ datasetId }) => datasetId).sort()).toEqual(standing?.waitingFor ?? []);
      const open = explanation.links.filter(({ state }) => state === 'open');
      expect(open.map(({ linkId }) => linkId).sort()).toEqual(standing?.unsealedLinks ?? []);
      const { datasets = 0, complete = 0 } = explanation.counts ?? {};
      expect([datasets, complete, explanation.early.length]).toEqual([
        ...[standing?.named ?? 0, standing?.succeeded ?? 0, standing?.early ?? 0],
      ]);
    }),
    { numRuns: 300 },
  );
});
