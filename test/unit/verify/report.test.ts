/** A finding takes little memory, whatever the announcement has: anyone may write announcements. */
import { ReportBuilder } from '../../../src/verify/report.js';

test('a finding shows the beginning of long lists and texts', () => {
  const report = new ReportBuilder(20);
  const connections = Array.from({ length: 1_000 }, (_, i) => ({
    connectionId: `${i}`,
    sourceType: 'x'.repeat(20_000),
  }));
  const came = { companyName: 'n'.repeat(20_000), connections, source: { topic: 't', offset: 7 } };
  const what = 'w'.repeat(20_000);
  report.add({ kind: 'early', companyId: 'acme', partition: 0, what, came, shouldHaveCome: null });
  const [finding] = report.report('sync-events').findings;
  const shown = finding?.came as typeof came;
  expect(finding?.what).toHaveLength(2_000);
  expect(finding?.shouldHaveCome).toBeNull();
  expect(shown.companyName).toHaveLength(2_000);
  expect(shown.source).toEqual({ topic: 't', offset: 7 });
  expect(shown.connections).toHaveLength(101);
  expect(shown.connections[99]).toMatchObject({ connectionId: '99' });
  expect(shown.connections[0]?.sourceType).toHaveLength(2_000);
  expect(shown.connections[100]).toBe('and 900 more');
});
