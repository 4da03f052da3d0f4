/** A look-up in an info row costs the same, however many links and connections the row has. */
import { CompanyRows } from '../../../src/domain/company-rows.js';
import type { Payload } from '../../../src/domain/events.js';
import { InfoTable } from '../../../src/domain/info-table.js';
import { NEW_COMPANY } from '../../../src/domain/pending-company.js';
import type { InfoRow, Link } from '../../../src/domain/rows.js';
import { transition } from '../../../src/domain/transition.js';

const LINKS = 5_000;

/** A company with links that count how often one of them is looked at. */
function companyWithCountedLinks(): { rows: CompanyRows; looks: () => number } {
  let looks = 0;
  const links = Array.from({ length: LINKS }, (_, i): Link => {
    const link = { linkId: `l${i}`, connection: 0, sealed: true, endedAt: 1 };
    return new Proxy(link, {
      get: (target, field) => {
        looks++;
        return target[field as keyof Link];
      },
    });
  });
  const rows = new CompanyRows('company');
  rows.loadCompany({ ...NEW_COMPANY, links: LINKS, announcementBytes: 100_000 });
  const connections = [{ connectionId: 'c', sourceType: 's' }];
  rows.loadInfo({ clientId: 'client', companyName: 'name', connections, links });
  return { rows, looks: () => looks };
}

const manifest = (linkId: string): Payload => ({
  kind: 'manifest',
  linkId,
  connectionId: 'c',
  sourceType: 's',
  companyName: 'n',
  datasets: [],
  isFinal: true,
});

test.each<[string, (i: number) => Payload]>([
  ['a manifest of a new link', (i) => manifest(`new ${i}`)],
  ['a manifest of a known link', (i) => manifest(`l${i}`)],
  ['an unlinking that ends nothing', () => ({ kind: 'unlinked', connectionId: 'c' })],
  ['an unlinking of a connection never linked', () => ({ kind: 'unlinked', connectionId: 'x' })],
])('%s does not look at the links of the company, except the first time', (_, payloadOf) => {
  const { rows, looks } = companyWithCountedLinks();
  const take = (i: number, payload: Payload): void => {
    const event = { companyId: 'company', clientId: 'client', offset: i, timestamp: Date.UTC(2024, 0, 1), repairs: [] };
    transition(rows, { ...event, payload }, 'ALL_DATASETS');
  };
  take(0, manifest('first'));
  const before = looks();
  for (let i = 1; i <= 1_000; i++) take(i, payloadOf(i));
  expect(looks() - before).toBeLessThan(3 * 1_000);
});

test.each([3, 20])(
  'a table of %i links and connections finds what a scan finds, and its former stays as it was',
  (n) => {
    const row: InfoRow = {
      clientId: 'client',
      companyName: 'name',
      connections: Array.from({ length: n }, (_, i) => ({ connectionId: `c${i}`, sourceType: 's' })),
      links: Array.from({ length: n }, (_, i) => {
        return { linkId: `l${i}`, connection: i % 2, sealed: false, endedAt: i < 2 ? 5 : null };
      }),
    };
    const former = new InfoTable(row);
    expect([former.linkAt('l2'), former.linkAt('x'), former.connectionAt('c1')]).toEqual([2, undefined, 1]);
    expect(former.runningLinksOf('c0')).toEqual(row.links.flatMap((_, i) => (i > 1 && i % 2 === 0 ? [i] : [])));
    expect(former.runningLinksOf('x')).toEqual([]);

    const table = former.editableCopy();
    const added = table.addLink({
      linkId: 'new',
      connection: table.nameConnection({ connectionId: 'c', sourceType: 't' }),
      sealed: false,
      endedAt: null,
    });
    table.sealLink(added);
    table.endLinksOf('c0', 9);
    expect([added, table.linkAt('new'), table.connectionAt('c')]).toEqual([n, n, n]);
    expect([table.runningLinksOf('c'), table.runningLinksOf('c0')]).toEqual([[n], []]);
    expect(table.links[n]).toEqual({ linkId: 'new', connection: n, sealed: true, endedAt: null });
    expect(table.links[2]).toEqual({ ...row.links[2], endedAt: 9 });
    expect({ ...former }).toEqual(row);
  },
);
