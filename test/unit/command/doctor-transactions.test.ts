import { examineTransactions } from '../../../src/command/doctor-transactions.js';
import type { Finding } from '../../../src/command/finding.js';
import type { TopicNames } from '../../../src/config.js';
import { encodeRepartitionMark } from '../../../src/pipeline/repartition-mark.js';
import { SEEN_BY_MOST } from '../../support/seen-by-most.js';

const ROLES = [
  ...(['syncEvents', 'companySynchronized', 'companyState', 'deadLetter', 'clientSettings'] as const),
  'companySyncStalled' as const,
];
const topics = Object.fromEntries(ROLES.map((role) => [role, role])) as unknown as TopicNames;
const counts = Object.fromEntries(ROLES.map((role) => [role, 1])) as unknown as Record<keyof TopicNames, number>;
const clock = { now: () => 0, delay: () => Promise.resolve() };

/** The advice about a transaction that is open in a topic. */
async function adviceOn(open: string, groupOffset: number): Promise<string> {
  const logs = {
    bounds: ({ topic }: { topic: string }) =>
      Promise.resolve({ start: 0, end: 5, highWatermark: topic === open ? 8 : 5, ...SEEN_BY_MOST }),
    committedOffset: () => Promise.resolve({ offset: groupOffset, leaderEpoch: -1 }),
  };
  const findings: Finding[] = [];
  for await (const finding of examineTransactions({ topics, kafka: { brokers: ['b:1'] } }, counts, logs, clock))
    findings.push(finding);
  expect(findings).toHaveLength(1);
  return findings[0]?.message ?? '';
}

const MARK = encodeRepartitionMark({ from: 12, to: 24, moved: false });

test('an open transaction comes with the command that ends it', async () => {
  expect(await adviceOn('companyState', 5)).toContain('abort --topic companyState --partition 0 --start-offset 5');
});

test('while a repartitioning is not finished, no operator is told to abort its moves', async () => {
  const advice = await adviceOn('companyState', MARK);
  expect(advice).not.toContain('kafka-transactions.sh');
  expect(advice).toContain('let company-sync repartition finish, which moves the state from 12 to 24 partitions');
});

test('a repartitioning writes only to the changelog', async () => {
  expect(await adviceOn('companySynchronized', MARK)).toContain('abort --topic companySynchronized');
});
