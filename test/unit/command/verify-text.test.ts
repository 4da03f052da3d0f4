import { verifyText } from '../../../src/command/verify-text.js';
import { Speed } from '../../../src/command/progress.js';
import { DeploymentInMemory } from '../audit/deployment-in-memory.js';
import { verifyInMemory } from '../verify/verify-in-memory.js';

const PLAN = { companyId: null, input: [{ partition: 1, from: 0, to: 3, logEnd: 3 }], applicationId: 'company-sync' };

function completeCompany(deployment: DeploymentInMemory): void {
  deployment.manifest('company 1', ['d1']);
  deployment.announce('company 1', deployment.status('company 1', 'd1', 'Complete'));
}

test('a clean report ends with its verdict, and says what became of the companies', async () => {
  const deployment = new DeploymentInMemory();
  completeCompany(deployment);
  deployment.manifest('company-2', ['d1']);
  expect(verifyText(await verifyInMemory(deployment.input()), PLAN)).toEqual([
    { line: '3 records of sync-events in 3 partitions, 2 companies, 1 announcements, 0 dead letters' },
    { line: '         1  announced, and proved by the input' },
    { line: '         1  not complete' },
    { line: 'no anomaly', colour: 'green' },
  ]);
});

test('a finding has its evidence, and the command that shows more', async () => {
  const deployment = new DeploymentInMemory();
  completeCompany(deployment);
  deployment.synchronized.length = 0;
  const report = await verifyInMemory(deployment.input());
  const lines = verifyText(report, PLAN).map(({ line }) => line);
  expect(lines[0]).toBe('missing: company "company 1": it is complete and was not announced');
  expect(lines[1]).toContain('  should have come: {"eventId":');
  expect(lines[2]).toBe("for the records of a company: company-sync verify --company='company 1'");
  expect(lines.at(-1)).toBe('1 anomalies: not announced 1');
  const counted = verifyText({ ...report, anomalies: 7 }, PLAN).map(({ line }) => line);
  expect(counted).toContain('and 6 more: print more with --findings <number>');
});

test('one company is shown with its records and its announcement, also if nothing is wrong', async () => {
  const deployment = new DeploymentInMemory();
  completeCompany(deployment);
  const one = { ...PLAN, companyId: 'company 1' };
  const report = await verifyInMemory(deployment.input(), { companyId: 'company 1' });
  const lines = verifyText(report, one).map(({ line }) => line);
  expect(lines[0]).toBe('partition 1: announced, and proved by the input');
  expect(lines[1]).toMatch(/^ {4}1\/0 .* final manifest of link l, connection c: d1$/);
  expect(lines[2]).toMatch(/^ {4}1\/1 .* dataset d1 Complete, trigger LINK, revision none$/);
  expect(lines[3]).toBe('    announced at 1/0 by offset 1, ALL_DATASETS: d1 Complete (offset 1)');
  const unknown = await verifyInMemory(deployment.input(), { companyId: 'x' });
  expect(verifyText(unknown, { ...PLAN, companyId: 'x' })[0]?.line).toBe('no record of "x" is in what was read');
});

test('companies that could not be judged are counted with the reason', async () => {
  const deployment = new DeploymentInMemory();
  completeCompany(deployment);
  deployment.synchronized.length = 0;
  const lines = verifyText(await verifyInMemory(deployment.input(), { from: 1 }), PLAN);
  expect(lines).toContainEqual({ line: '         1  not judged: a part of its input may be gone' });
  expect(lines.at(-1)).toEqual({
    line: 'no anomaly; 1 companies could not be judged in full',
    colour: 'yellow',
  });
});

test('a partition that nobody has processed is named', async () => {
  const report = await verifyInMemory(new DeploymentInMemory().input());
  const input = [{ partition: 4, from: 10, to: 10, logEnd: 30 }];
  const lines = verifyText(report, { ...PLAN, input }).map(({ line }) => line);
  expect(lines).toContain('partition 4: nothing between 10 and 30 was processed by company-sync');
});

test('the speed is printed every two seconds, with the time that is left', () => {
  const lines: string[] = [];
  let now = 0;
  const speed = new Speed((line) => lines.push(line), { now: () => now }, 1_000);
  for (now = 0; now <= 5_000; now += 500) speed.report(now / 10, 'reading sync-events/0');
  expect(lines).toEqual([
    '20 %: reading sync-events/0, 100 records/s, 8 s left',
    '40 %: reading sync-events/0, 100 records/s, 6 s left',
  ]);
  now = 400_000;
  speed.report(500, 'judging partition 0');
  expect(lines.at(-1)).toBe('50 %: judging partition 0, 1 records/s, 7 min left');
});
