/** One group for every row of the table of rules that is about a company (limits.test.ts has the rows about limits). */
import {
  AFTER_THE_DATE,
  announcedElsewhere,
  announcementAfter,
  badRecord,
  companyAfter,
  completedAt,
  datasetsAnnounced,
  deleted,
  earlier,
  manifest,
  part,
  repairing,
  status,
  unlinked,
} from './histories.js';

describe('a company is announced', () => {
  test('when every dataset is terminal, every link is sealed and one dataset is Complete', () => {
    expect(
      announcementAfter(
        manifest('link-1', 'connection-1', ['a', 'b'], { sourceType: 'accounting', companyName: 'Acme' }),
        manifest('link-2', 'connection-2', ['c'], { sourceType: 'banking', companyName: 'Acme Ltd' }),
        status('a', 'Complete'),
        status('b', 'FetchError'),
        status('c', 'NotSupported'),
      ),
    ).toEqual({
      eventId: '74b6d1cb-5e50-5774-9f8e-a9302976dfc2',
      companyId: 'company-1',
      clientId: 'client',
      companyName: 'Acme Ltd',
      synchronizedAt: AFTER_THE_DATE,
      trigger: 'ALL_DATASETS',
      connections: [
        { connectionId: 'connection-1', sourceType: 'accounting' },
        { connectionId: 'connection-2', sourceType: 'banking' },
      ],
      datasets: [
        { datasetId: 'a', dataType: 'invoices', connectionId: 'connection-1', status: 'Complete', decidedAtOffset: 2 },
        {
          datasetId: 'b',
          dataType: 'invoices',
          connectionId: 'connection-1',
          status: 'FetchError',
          decidedAtOffset: 3,
        },
        {
          datasetId: 'c',
          dataType: 'invoices',
          connectionId: 'connection-2',
          status: 'NotSupported',
          decidedAtOffset: 4,
        },
      ],
      succeeded: 1,
      failed: 1,
      ended: 1,
      source: { topic: 'sync-events', partition: 3, offset: 4 },
      linkedAt: AFTER_THE_DATE,
    });
  });

  test('not while a dataset is in progress', () => {
    expect(completedAt(manifest('l', 'c', ['a', 'b']), status('a', 'Complete'), status('b', 'Fetching'))).toBeNull();
  });

  test('not while a link is unsealed', () => {
    expect(completedAt(part('l', 'c', ['a']), status('a', 'Complete'))).toBeNull();
    expect(completedAt(part('l', 'c', ['a']), status('a', 'Complete'), manifest('l', 'c', []))).toBe(2);
  });

  test('not before any manifest was seen', () => {
    expect(completedAt(status('a', 'Complete'), status('b', 'Complete'))).toBeNull();
  });
});

describe('status before its manifest', () => {
  test('is remembered, and counts when the manifest names it', () => {
    expect(datasetsAnnounced(status('a', 'Complete'), manifest('l', 'c', ['a']))).toEqual(['a Complete 0']);
  });

  test('keeps its revision, so that a later stale status stays stale', () => {
    const history = [status('a', 'Fetching', { revision: 5 }), manifest('l', 'c', ['a'])];
    expect(completedAt(...history, status('a', 'Complete', { revision: 4 }))).toBeNull();
    expect(completedAt(...history, status('a', 'Complete', { revision: 6 }))).toBe(2);
  });

  test('of a dataset that no manifest names is not waited for', () => {
    expect(datasetsAnnounced(status('other', 'Fetching'), manifest('l', 'c', ['a']), status('a', 'Complete'))).toEqual([
      'a Complete 2',
    ]);
  });
});

describe('REFRESH-triggered status', () => {
  test('is ignored, its revision too', () => {
    const history = [manifest('l', 'c', ['a']), status('a', 'Complete', { trigger: 'REFRESH', revision: 9 })];
    expect(completedAt(...history)).toBeNull();
    expect(datasetsAnnounced(...history, status('a', 'Complete', { revision: 1 }))).toEqual(['a Complete 2']);
  });

  test('does not make a finished dataset unfinished', () => {
    expect(
      completedAt(
        manifest('l', 'c', ['a', 'b']),
        status('a', 'Complete'),
        status('a', 'Queued', { trigger: 'REFRESH' }),
        status('b', 'Complete'),
      ),
    ).toBe(3);
  });

  test('a status with an UNKNOWN trigger counts', () => {
    expect(completedAt(manifest('l', 'c', ['a']), status('a', 'Complete', { trigger: 'UNKNOWN' }))).toBe(1);
  });
});

describe('dataset goes from terminal back to in progress', () => {
  test('is unfinished again', () => {
    const history = [
      manifest('l', 'c', ['a', 'b']),
      status('a', 'Complete'),
      status('a', 'Queued'),
      status('b', 'Complete'),
    ];
    expect(completedAt(...history)).toBeNull();
    expect(datasetsAnnounced(...history, status('a', 'MapError'))).toEqual(['a MapError 4', 'b Complete 3']);
  });

  test('a re-queued dataset no longer counts as the one that is Complete', () => {
    expect(
      completedAt(
        manifest('l', 'c', ['a', 'b']),
        status('a', 'Complete'),
        status('a', 'FetchError'),
        status('b', 'MapError'),
      ),
    ).toBeNull();
  });
});

describe('revision not above the latest of the dataset', () => {
  test.each([
    ['equal', 7, 7],
    ['lower', 7, 6],
    ['lower than zero', 0, -1],
    ['equal, beyond 2^53', 2n ** 53n + 1n, 2n ** 53n + 1n],
    ['lower by one beyond 2^53', 2n ** 53n + 1n, 2n ** 53n],
  ])('%s: is stale and ignored', (_name, latest, revision) => {
    const history = [manifest('l', 'c', ['a']), status('a', 'Fetching', { revision: latest })];
    expect(completedAt(...history, status('a', 'Complete', { revision }))).toBeNull();
  });

  test.each([
    ['above', 7, 8],
    ['above by one beyond 2^53', 2n ** 53n, 2n ** 53n + 1n],
    ['above, from number to bigint', Number.MAX_SAFE_INTEGER, 2n ** 53n],
    ['the first of the dataset, and negative', null, -5],
    ['none', 7, null],
  ])('%s: applies', (_name, latest, revision) => {
    const history = [manifest('l', 'c', ['a']), status('a', 'Fetching', { revision: latest })];
    expect(completedAt(...history, status('a', 'Complete', { revision }))).toBe(2);
  });

  test('of another dataset does not matter', () => {
    expect(
      completedAt(
        manifest('l', 'c', ['a', 'b']),
        status('a', 'Complete', { revision: 7 }),
        status('b', 'Complete', { revision: 1 }),
      ),
    ).toBe(2);
  });
});

describe('second link', () => {
  test('while the first is in progress: extends the set', () => {
    expect(
      datasetsAnnounced(
        manifest('first', 'c', ['a']),
        manifest('second', 'c', ['b']),
        status('a', 'Complete'),
        status('b', 'Complete'),
      ),
    ).toEqual(['a Complete 2', 'b Complete 3']);
  });

  test('after the announcement: has no effect', () => {
    const announced = [manifest('first', 'c', ['a']), status('a', 'Complete')];
    const company = companyAfter(...announced, manifest('second', 'c', ['b']), status('b', 'Complete'), unlinked('c'));
    expect(company.announcements).toHaveLength(1);
    expect(company.stored).toEqual(companyAfter(...announced).stored);
  });
});

describe('all datasets ended, none Complete', () => {
  const history = [manifest('l', 'c', ['a', 'b']), status('a', 'FetchError'), status('b', 'Cancelled')];

  test('announces nothing', () => {
    expect(completedAt(...history)).toBeNull();
  });

  test('a re-queue may still complete the company', () => {
    expect(completedAt(...history, status('a', 'Queued'), status('a', 'Complete'))).toBe(4);
  });

  test('another link may still complete the company', () => {
    expect(completedAt(...history, manifest('second', 'c', ['d']), status('d', 'Complete'))).toBe(4);
  });
});

describe('manifest with no datasets', () => {
  test('fires nothing by itself', () => {
    expect(completedAt(manifest('l', 'c', []))).toBeNull();
  });

  test('is a sealed link that no company waits for', () => {
    expect(completedAt(manifest('empty', 'c', []), manifest('l', 'c', ['a']), status('a', 'Complete'))).toBe(2);
  });
});

describe('connection unlinked', () => {
  test('its unfinished datasets count as Cancelled, which may complete the company', () => {
    expect(
      datasetsAnnounced(
        manifest('l1', 'c1', ['a']),
        manifest('l2', 'c2', ['b', 'd']),
        status('a', 'Complete'),
        status('b', 'ValidationError'),
        unlinked('c2'),
      ),
    ).toEqual(['a Complete 2', 'b ValidationError 3', 'd Cancelled 4']);
  });

  test('other connections are still waited for', () => {
    expect(
      completedAt(manifest('l1', 'c1', ['a']), manifest('l2', 'c2', ['b']), status('b', 'Complete'), unlinked('c2')),
    ).toBeNull();
  });

  test('with nothing Complete announces nothing', () => {
    expect(completedAt(manifest('l', 'c', ['a']), unlinked('c'))).toBeNull();
  });
});

describe('company deleted', () => {
  test('leaves a small marker; all later events are ignored', () => {
    const { stored, announcements } = companyAfter(
      manifest('l', 'c', ['a']),
      status('early', 'Complete'),
      badRecord(),
      deleted(),
      manifest('l', 'c', ['a']),
      status('a', 'Complete'),
      badRecord(),
      deleted(),
    );
    expect(announcements).toEqual([]);
    expect([...stored.company.values()]).toEqual([{ outcome: 'deleted', offset: 3, timestamp: AFTER_THE_DATE }]);
    expect([stored.info.size, stored.datasets.size, stored.holds.size]).toEqual([0, 0, 0]);
  });
});

describe('company announced elsewhere', () => {
  const marker = (offset: number) => [{ outcome: 'announced-elsewhere', offset, timestamp: AFTER_THE_DATE }];

  test('leaves a small marker; all later events are ignored', () => {
    const { stored, announcements } = companyAfter(
      manifest('l', 'c', ['a', 'b']),
      status('a', 'Complete'),
      status('early', 'Complete'),
      announcedElsewhere(),
      status('b', 'Complete'),
      manifest('l2', 'c', ['a']),
      badRecord(),
      announcedElsewhere(),
      deleted(),
    );
    expect(announcements).toEqual([]);
    expect([...stored.company.values()]).toEqual(marker(3));
    expect([stored.info.size, stored.datasets.size, stored.holds.size]).toEqual([0, 0, 0]);
  });

  test('as its first record silences it for good', () => {
    expect(completedAt(announcedElsewhere(), manifest('l', 'c', ['a']), status('a', 'Complete'))).toBeNull();
  });

  test('while it is held needs no repair any more', () => {
    const { stored } = companyAfter(manifest('l', 'c', ['a']), badRecord(), announcedElsewhere());
    expect([...stored.company.values()]).toEqual(marker(2));
    expect(stored.holds.size).toBe(0);
  });

  test('after it was announced here or deleted changes nothing', () => {
    const announced = [manifest('l', 'c', ['a']), status('a', 'Complete')];
    expect([...companyAfter(...announced, announcedElsewhere()).stored.company.values()]).toMatchObject([
      { outcome: 'announced', offset: 1 },
    ]);
    expect([...companyAfter(deleted(), announcedElsewhere()).stored.company.values()]).toMatchObject([
      { outcome: 'deleted', offset: 0 },
    ]);
  });
});

describe('FIRST_DATASET policy in force', () => {
  test('the first Complete of a manifest dataset announces, though others are in progress and the link is unsealed', () => {
    expect(
      announcementAfter(
        part('l', 'c', ['a', 'b']),
        earlier(null, status('other', 'Complete')),
        earlier(null, status('a', 'MapError')),
        earlier('FIRST_DATASET', status('b', 'Complete')),
      ),
    ).toMatchObject({ trigger: 'FIRST_DATASET', succeeded: 1, failed: 1, ended: 0, source: { offset: 3 } });
  });

  test('never a second time when the policy changes', () => {
    const company = companyAfter(
      earlier(null, manifest('l', 'c', ['a', 'b'])),
      earlier(null, status('a', 'Complete')),
      status('b', 'Complete'),
    );
    expect(company.announcements.map((a) => [a.trigger, a.source.offset])).toEqual([['FIRST_DATASET', 1]]);
  });

  test('a client that chose ALL_DATASETS is judged by it before the date too', () => {
    const history = [
      earlier('ALL_DATASETS', manifest('l', 'c', ['a', 'b'])),
      earlier('ALL_DATASETS', status('a', 'Complete')),
    ];
    expect(completedAt(...history)).toBeNull();
    expect(announcementAfter(...history, earlier('ALL_DATASETS', status('b', 'Complete')))).toMatchObject({
      trigger: 'ALL_DATASETS',
      source: { offset: 2 },
    });
  });

  test('a client that chose FIRST_DATASET is judged by ALL_DATASETS from the date on', () => {
    const complete = { ...status('a', 'Complete'), clientSetting: 'FIRST_DATASET' as const };
    expect(completedAt(manifest('l', 'c', ['a', 'b']), complete)).toBeNull();
  });
});

describe('bad record with a readable key', () => {
  const held = [manifest('l', 'c', ['a', 'b']), status('a', 'Complete'), badRecord()];

  test('holds the company', () => {
    expect(completedAt(...held, status('b', 'Complete'))).toBeNull();
  });

  test('a repair lifts the hold and is itself applied', () => {
    expect(datasetsAnnounced(...held, repairing([2], status('b', 'Complete')))).toEqual([
      'a Complete 1',
      'b Complete 3',
    ]);
  });

  test('a repair announces what was only waiting for it', () => {
    expect(completedAt(...held, status('b', 'Complete'), repairing([2], status('a', 'Complete')))).toBe(4);
  });
});
