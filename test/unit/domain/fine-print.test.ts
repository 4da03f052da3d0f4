/**
 * One group for each numbered point of the fine print. Points 11 and 15 are about bytes: they are tested with the
 * decoder.
 */
import { CompanyRows } from '../../../src/domain/company-rows.js';
import { hold } from '../../../src/domain/transition.js';
import { CONTEXT } from '../../support/company-history.js';
import {
  announcementAfter,
  badRecord,
  BEFORE_THE_DATE,
  companyAfter,
  completedAt,
  datasetsAnnounced,
  deleted,
  earlier,
  fromClient,
  historyOf,
  manifest,
  part,
  repairing,
  status,
  unlinked,
} from './histories.js';
import { CompanyInStore } from './company-in-store.js';

describe('1: a sealed link', () => {
  test('stays sealed; a later part only adds datasets', () => {
    const history = [manifest('l', 'c', ['a']), part('l', 'c', ['b']), status('a', 'Complete')];
    expect(completedAt(...history)).toBeNull();
    expect(completedAt(...history, status('b', 'Complete'))).toBe(3);
  });

  test('is identified by its linkId, whatever connection a part names', () => {
    expect(completedAt(part('l', 'c1', ['a']), manifest('l', 'c2', []), status('a', 'Complete'))).toBe(2);
    expect(completedAt(part('l1', 'c', ['a']), manifest('l2', 'c', []), status('a', 'Complete'))).toBeNull();
  });
});

describe('2: ConnectionUnlinked', () => {
  const first = [manifest('l1', 'c1', ['a']), part('l2', 'c2', ['b'])];

  test('an ended link counts as sealed even if its final part never came', () => {
    expect(completedAt(...first, status('a', 'Complete'), unlinked('c2'))).toBe(3);
  });

  test('a late part of an ended link brings datasets that count as Cancelled', () => {
    expect(datasetsAnnounced(...first, unlinked('c2'), part('l2', 'c2', ['d']), status('a', 'Complete'))).toEqual([
      'a Complete 4',
      'b Cancelled 2',
      'd Cancelled 2',
    ]);
  });

  test('a late final part of an ended link seals nothing a second time', () => {
    const history = [...first, part('l3', 'c3', []), unlinked('c2'), manifest('l2', 'c2', []), status('a', 'Complete')];
    expect(completedAt(...history)).toBeNull();
    expect(completedAt(...history, manifest('l3', 'c3', []))).toBe(6);
  });

  test('a new linkId of the same connection is a new life and is waited for', () => {
    const history = [...first, unlinked('c2'), manifest('l4', 'c2', ['e']), status('a', 'Complete')];
    expect(completedAt(...history)).toBeNull();
    expect(completedAt(...history, status('e', 'Complete'))).toBe(5);
  });

  test('before any link of that connection changes nothing', () => {
    expect(completedAt(unlinked('c1'), manifest('l1', 'c1', ['a']))).toBeNull();
    expect(companyAfter(unlinked('c1')).stored.company.size).toBe(0);
    const { stored } = companyAfter(...first, unlinked('unknown'));
    expect(stored).toEqual(companyAfter(...first).stored);
  });

  test('a second one of the same connection ends the links of its new life only', () => {
    expect(
      datasetsAnnounced(...first, unlinked('c2'), manifest('l4', 'c2', ['e']), unlinked('c2'), status('a', 'Complete')),
    ).toEqual(['a Complete 5', 'b Cancelled 2', 'e Cancelled 4']);
  });
});

describe('3: Cancelled by unlinking', () => {
  const linkedTwice = [manifest('l1', 'c1', ['a']), manifest('l2', 'c2', ['b'])];

  test('is derived: a status after the end is applied as always, its revision too', () => {
    const ended = [...linkedTwice, unlinked('c2'), status('b', 'Complete', { revision: 5 })];
    expect(datasetsAnnounced(...ended, status('b', 'MapError', { revision: 4 }), status('a', 'MapError'))).toEqual([
      'a MapError 5',
      'b Complete 3',
    ]);
  });

  test('decides at the unlinking even after the dataset had been Complete', () => {
    expect(
      datasetsAnnounced(
        ...linkedTwice,
        status('b', 'Complete'),
        unlinked('c2'),
        status('b', 'Fetching'),
        status('a', 'Complete'),
      ),
    ).toEqual(['a Complete 5', 'b Cancelled 3']);
  });

  test('decides at the first unlinking that ended the link', () => {
    expect(datasetsAnnounced(...linkedTwice, unlinked('c2'), unlinked('c2'), status('a', 'Complete'))).toEqual([
      'a Complete 4',
      'b Cancelled 2',
    ]);
  });

  test('leaves a terminal status of its own: Complete counts as succeeded', () => {
    expect(
      announcementAfter(...linkedTwice, status('b', 'Complete'), unlinked('c2'), status('a', 'FetchError')),
    ).toMatchObject({ succeeded: 1, failed: 1, ended: 0 });
  });

  test('a Complete that comes after the end still completes the company', () => {
    expect(completedAt(manifest('l', 'c', ['a']), unlinked('c'), status('a', 'Complete'))).toBe(2);
  });

  test('is over for a dataset named again by a link that has not ended', () => {
    const again = [
      ...linkedTwice,
      status('a', 'Complete'),
      part('l3', 'c3', []),
      unlinked('c2'),
      manifest('l3', 'c3', ['b']),
    ];
    expect(completedAt(...again)).toBeNull();
    expect(datasetsAnnounced(...again, status('b', 'NotSupported'))).toEqual(['a Complete 2', 'b NotSupported 6']);
  });

  test('counts for a dataset that a late part of an ended link names again', () => {
    expect(
      datasetsAnnounced(
        ...linkedTwice,
        unlinked('c2'),
        manifest('l2', 'c2', ['a']),
        status('x', 'Complete'),
        status('b', 'Complete'),
      ),
    ).toEqual(['a Cancelled 2', 'b Complete 5']);
  });
});

describe('4: a dataset named by several manifests', () => {
  test('keeps its status; the latest gives its dataType, connection and link', () => {
    expect(
      announcementAfter(
        part('l1', 'c1', ['a']),
        status('a', 'Complete'),
        manifest('l2', 'c2', [], { datasets: [{ datasetId: 'a', dataType: 'bills' }] }),
        manifest('l1', 'c1', []),
      ),
    ).toMatchObject({
      datasets: [{ datasetId: 'a', dataType: 'bills', connectionId: 'c2', status: 'Complete', decidedAtOffset: 1 }],
    });
  });

  test('ends with the link that named it last', () => {
    const named = [manifest('l1', 'c1', ['a']), manifest('l2', 'c2', ['b']), manifest('l3', 'c3', ['b'])];
    expect(completedAt(...named, status('a', 'Complete'), unlinked('c2'))).toBeNull();
    expect(completedAt(...named, status('a', 'Complete'), unlinked('c3'))).toBe(4);
  });

  test('counts once', () => {
    const twice = manifest('l', 'c', ['a', 'a']);
    expect(companyAfter(twice, twice).stored.company.get('')).toMatchObject({ named: 1, unfinished: 1 });
  });
});

describe('5: links, connections and names', () => {
  test('a link keeps the connection of its first manifest', () => {
    const named = [manifest('l1', 'c1', ['a']), part('l1', 'c2', ['b']), status('a', 'Complete')];
    expect(completedAt(...named, unlinked('c2'))).toBeNull();
    expect(completedAt(...named, unlinked('c1'))).toBe(3);
  });

  test("a connection's sourceType and the companyName are the latest manifest's, the clientId the latest record's", () => {
    expect(
      announcementAfter(
        fromClient('client-1', manifest('l1', 'c', ['a'], { sourceType: 'old', companyName: 'Old' })),
        fromClient('client-2', manifest('l2', 'c', [], { sourceType: 'new', companyName: 'New' })),
        fromClient('client-3', status('a', 'Complete')),
      ),
    ).toMatchObject({
      clientId: 'client-3',
      companyName: 'New',
      connections: [{ connectionId: 'c', sourceType: 'new' }],
    });
  });

  test('every connection that a manifest named is listed, ended and empty ones included, without repetition', () => {
    const announced = announcementAfter(
      manifest('l1', 'ended', ['a']),
      manifest('l2', 'empty', []),
      unlinked('ended'),
      manifest('l3', 'live', ['b']),
      manifest('l4', 'live', []),
      unlinked('never-linked'),
      status('b', 'Complete'),
    );
    expect(announced?.connections.map((c) => c.connectionId)).toEqual(['empty', 'ended', 'live']);
  });

  test('only datasets of manifests are listed', () => {
    expect(datasetsAnnounced(status('early', 'Complete'), manifest('l', 'c', ['a']), status('a', 'Complete'))).toEqual([
      'a Complete 2',
    ]);
  });

  test('a dataset without a status is Queued, decided at the first manifest that named it', () => {
    expect(
      datasetsAnnounced(
        manifest('l1', 'c', ['a', 'b']),
        manifest('l2', 'c', ['a']),
        earlier('FIRST_DATASET', status('b', 'Complete')),
      ),
    ).toEqual(['a Queued 0', 'b Complete 2']);
  });
});

describe("6: CompanyDeleted as a company's first record", () => {
  test('silences it for good', () => {
    expect(completedAt(deleted(), manifest('l', 'c', ['a']), status('a', 'Complete'))).toBeNull();
  });
});

describe('7: judged are', () => {
  /** Complete by FIRST_DATASET, but so far only judged by ALL_DATASETS. */
  const ripe = [manifest('l', 'c', ['a', 'b']), status('a', 'Complete', { revision: 5 })];
  const first = (draft: ReturnType<typeof status>) => earlier('FIRST_DATASET', draft);

  test('every manifest', () => {
    expect(completedAt(...ripe, first(part('l2', 'c2', [])))).toBe(2);
  });

  test('every ConnectionUnlinked, of an unknown connection too', () => {
    expect(completedAt(...ripe, first(unlinked('unknown')))).toBe(2);
  });

  test('every applied status, of a dataset that no manifest names too', () => {
    expect(completedAt(...ripe, first(status('other', 'Fetching')))).toBe(2);
  });

  test('every lifted hold', () => {
    expect(completedAt(badRecord(), ...ripe, first(repairing([0], status('a', 'Complete', { revision: 5 }))))).toBe(3);
  });

  test('but neither a stale nor a REFRESH status alone', () => {
    expect(completedAt(...ripe, first(status('a', 'Complete', { revision: 5 })))).toBeNull();
    expect(completedAt(...ripe, first(status('a', 'Complete', { trigger: 'REFRESH' })))).toBeNull();
  });

  test('nor a bad record', () => {
    expect(completedAt(...ripe, { ...badRecord(), timestamp: BEFORE_THE_DATE })).toBeNull();
  });

  test('each by the policy for the record judged', () => {
    expect(announcementAfter(...ripe, first(status('b', 'Complete')))).toMatchObject({ trigger: 'FIRST_DATASET' });
    expect(announcementAfter(...ripe, status('b', 'Complete'))).toMatchObject({ trigger: 'ALL_DATASETS' });
  });

  test('FIRST_DATASET asks whether a dataset is Complete now', () => {
    expect(completedAt(...ripe, status('a', 'Queued'), first(status('b', 'Fetching')))).toBeNull();
  });
});

describe('8: a status', () => {
  test('without a revision leaves the latest known revision as it is', () => {
    const history = [manifest('l', 'c', ['a']), status('a', 'Fetching', { revision: 5 }), status('a', 'Mapping')];
    expect(completedAt(...history, status('a', 'Complete', { revision: 5 }))).toBeNull();
    expect(completedAt(...history, status('a', 'Complete', { revision: 6 }))).toBe(3);
  });

  test('gives decidedAtOffset anew also when it repeats', () => {
    expect(
      datasetsAnnounced(
        manifest('l', 'c', ['a', 'b']),
        status('a', 'MapError'),
        status('a', 'MapError'),
        status('b', 'Complete'),
      ),
    ).toEqual(['a MapError 2', 'b Complete 3']);
  });
});

describe('9: status words', () => {
  test.each(['complete', 'COMPLETE', ' Complete', '', 'Done', 'toString', '__proto__'])(
    'are compared exactly: %j completes nothing',
    (word) => {
      expect(completedAt(manifest('l', 'c', ['a', 'b']), status('a', 'Complete'), status('b', word))).toBeNull();
    },
  );
});

describe('10: while a company is held', () => {
  test('its records are applied, only the announcement waits', () => {
    expect(
      datasetsAnnounced(
        badRecord(),
        manifest('l1', 'c1', ['a']),
        status('a', 'Complete'),
        manifest('l2', 'c2', ['b']),
        unlinked('c2'),
        repairing([0], status('a', 'Fetching', { trigger: 'REFRESH' })),
      ),
    ).toEqual(['a Complete 2', 'b Cancelled 4']);
  });
});

describe('12: a bad record whose key is the company', () => {
  test('holds it as its first record too', () => {
    const history = [badRecord('key-mismatch'), manifest('l', 'c', ['a']), status('a', 'Complete')];
    const company = companyAfter(...history);
    expect(company.announcements).toEqual([]);
    expect(company.stored.holds.get('3/0')).toMatchObject({ code: 'key-mismatch' });
  });
});

describe('13: each bad record', () => {
  test('is one hold, an exact duplicate too', () => {
    const held = [badRecord(), badRecord(), manifest('l', 'c', ['a'])];
    expect(completedAt(...held, repairing([0], status('a', 'Complete')))).toBeNull();
    expect(completedAt(...held, repairing([0], status('a', 'Complete')), repairing([1], status('a', 'Complete')))).toBe(
      4,
    );
  });

  test('is the same hold when it is taken a second time', () => {
    const rows = new CompanyRows(CONTEXT.companyId);
    rows.loadCompany(null);
    expect(hold(rows, '3/0', 'undecodable', BEFORE_THE_DATE)).toBe(true);
    expect(hold(rows, '3/0', 'undecodable', BEFORE_THE_DATE)).toBe(true);
    expect(rows.company).toMatchObject({ holds: 1 });
  });

  test('holds no company that was announced', () => {
    const announced = [manifest('l', 'c', ['a']), status('a', 'Complete')];
    expect(companyAfter(...announced, badRecord()).stored).toEqual(companyAfter(...announced).stored);
  });
});

describe('14: a repair', () => {
  const held = [badRecord(), badRecord(), manifest('l', 'c', ['a', 'b']), status('b', 'Complete')];

  test('may carry several `repairs`; each lifts its hold', () => {
    expect(completedAt(...held, repairing([0, 1], status('a', 'Complete')))).toBe(4);
  });

  test('that names no hold of the company does nothing but count as any other record', () => {
    const company = companyAfter(...held, repairing([3, 99], status('a', 'Complete')));
    expect(company.announcements).toEqual([]);
    expect(company.stored.company.get('')).toMatchObject({ holds: 2, unfinished: 0 });
  });

  test('lifts the holds that it names rightly after one that it names wrongly', () => {
    expect(completedAt(...held, repairing([99, 0, 1], status('a', 'Complete')))).toBe(4);
  });

  test('that names a hold twice, or one lifted before, lifts one', () => {
    const repaired = [...held, repairing([0, 0], status('a', 'Complete')), repairing([0], status('a', 'Complete'))];
    expect(companyAfter(...repaired).stored.company.get('')).toMatchObject({ holds: 1 });
  });

  test('is matched to the partition too', () => {
    const [first, second] = historyOf([badRecord(), manifest('l', 'c', ['a'])]);
    const wrong = { ...status('a', 'Complete'), offset: 2, repairs: [`${CONTEXT.partition + 1}/0`] };
    const company = new CompanyInStore(CONTEXT);
    company.apply(first!, second!, wrong);
    expect(company.announcements).toEqual([]);
  });

  test.each([
    ['stale', { revision: 1 }],
    ['REFRESH', { trigger: 'REFRESH' as const }],
  ])('lifts its hold even where its own status is %s', (_name, refused) => {
    expect(
      completedAt(
        badRecord(),
        manifest('l', 'c', ['a']),
        status('a', 'Complete', { revision: 1 }),
        repairing([0], status('a', 'Queued', refused)),
      ),
    ).toBe(3);
  });

  test.each([
    ['a manifest', manifest('l2', 'c', [])],
    ['an unlinking', unlinked('unknown')],
    ['an unlinking that ends a link', unlinked('c')],
    ['a status', status('a', 'Complete')],
  ])('may be %s', (_name, repair) => {
    expect(completedAt(badRecord(), manifest('l', 'c', ['a']), status('a', 'Complete'), repairing([0], repair))).toBe(
      3,
    );
  });
});
