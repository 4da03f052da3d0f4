import type { TopicDescription } from '../../../../src/kafka/topics/topic-admin.js';
import * as policies from '../../../../src/kafka/topics/topic-policies.js';
import type { FoundTopics } from '../../../../src/kafka/topics/topic-policies.js';
import { planOf, TOPIC_ROLES, type TopicRole } from '../../../../src/kafka/topics/topic-plan.js';
import { kafkaCommandsFor } from '../../../../src/lib/shell-command.js';
import { DAY_MS, HOUR_MS } from '../../../../src/lib/time-units.js';

const COMMANDS = kafkaCommandsFor({ brokers: ['a:1', 'b:2'], isSecured: true });
const policyFaults = (topics: FoundTopics) => policies.policyFaults(topics, COMMANDS);
const MIB = 1024 * 1024;
const policyWarnings = (topics: FoundTopics) => policies.policyWarnings(topics, COMMANDS, 256 * MIB);

const names = {
  syncEvents: 'events',
  companySynchronized: 'synchronized',
  companyState: 'app-company-state',
  deadLetter: 'dead',
  clientSettings: 'settings',
  companySyncStalled: 'stalled',
  companySyncFailed: 'failed',
};

/** The topics as `topics create` makes them on three brokers, with the changes of `change`. */
function found(change: Partial<Record<TopicRole, Partial<Omit<TopicDescription, 'settings'>> & Settings>> = {}) {
  const input = { partitions: 4, settings: new Map([['max.message.bytes', '1000000']]) };
  const topics = TOPIC_ROLES.map((role): [TopicRole, TopicDescription] => {
    const plan = planOf(role, { names, partitions: 4, replicationFactor: 3, input });
    const { settings = {}, ...rest } = change[role] ?? {};
    const all = [['max.message.bytes', '1000000'], ...plan.settings, ...Object.entries(settings)] as [string, string][];
    return [role, { ...plan, ...rest, clusterId: 'c', settings: new Map(all) }];
  });
  return Object.fromEntries(topics) as unknown as FoundTopics;
}

interface Settings {
  readonly settings?: Readonly<Record<string, string>>;
}

test('topics that follow the plan have neither faults nor warnings', () => {
  expect(policyFaults(found())).toEqual([]);
  expect(policyWarnings(found())).toEqual([]);
});

test('the changelog is planned so that deleted companies go within 7 days', () => {
  expect(Object.fromEntries(found().companyState.settings)).toMatchObject({
    'cleanup.policy': 'compact',
    'segment.bytes': String(128 * 1024 * 1024),
    'min.insync.replicas': '2',
    'delete.retention.ms': String(7 * DAY_MS),
    'max.compaction.lag.ms': String(7 * DAY_MS),
    'unclean.leader.election.enable': 'false',
    'max.message.bytes': String(8 * 1024 * 1024),
  });
});

const policy = (value: string) => ({ settings: { 'cleanup.policy': value } });

test.each(['syncEvents', 'companySynchronized', 'deadLetter', 'companySyncStalled', 'companySyncFailed'] as const)(
  'a compacted %s is refused, with the command',
  (role) => {
    for (const value of ['compact', 'compact,delete'])
      expect(policyFaults(found({ [role]: policy(value) }))).toEqual([
        expect.stringMatching(
          new RegExp(
            `^topic ${names[role]} has cleanup.policy=${value}: .* alone: kafka-configs.sh --bootstrap-server a:1,b:2 ` +
              `--command-config client.properties --alter --topic ${names[role]} --add-config cleanup.policy=delete$`,
          ),
        ),
      ]);
  },
);

test.each(['companyState', 'clientSettings'] as const)(
  'a %s whose policy is not compaction alone is refused',
  (role) => {
    for (const value of ['delete', 'compact,delete', ''])
      expect(policyFaults(found({ [role]: policy(value) }))).toEqual([
        expect.stringMatching(
          new RegExp(`^topic ${names[role]} has cleanup.policy=${value}: .* --add-config cleanup.policy=compact$`),
        ),
      ]);
  },
);

test('partition counts that mix companies or choices are refused', () => {
  expect(policyFaults(found({ companyState: { partitions: 3 }, clientSettings: { partitions: 2 } }))).toEqual([
    expect.stringContaining('changelog app-company-state has 3 partitions and input events has 4'),
    expect.stringContaining('topic settings has 2 partitions: an older choice of a client could win'),
  ]);
  expect(policyFaults(found({ companySynchronized: { partitions: 7 } }))).toEqual([]);
});

test.each(['companySynchronized', 'companyState', 'deadLetter', 'companySyncStalled', 'companySyncFailed'] as const)(
  'a %s that one broker could acknowledge alone, or lead while behind, leads to a warning',
  (role) => {
    const settings = { 'unclean.leader.election.enable': 'true', 'min.insync.replicas': '1' };
    expect(policyWarnings(found({ [role]: { settings } }))).toEqual([
      expect.stringContaining(`topic ${names[role]} has unclean.leader.election.enable=true`),
      expect.stringContaining(`topic ${names[role]} has 3 replicas and min.insync.replicas=1`),
    ]);
    // With two replicas, if both were required, everything would stop when one broker fails.
    expect(policyWarnings(found({ [role]: { replicationFactor: 2, settings } }))).toHaveLength(1);
  },
);

test('the durability of topics that are only read is not judged', () => {
  const settings = { 'unclean.leader.election.enable': 'true', 'min.insync.replicas': '1' };
  expect(policyWarnings(found({ syncEvents: { settings }, clientSettings: { settings } }))).toEqual([]);
});

test('a limit below the plan leads to a warning', () => {
  expect(policyWarnings(found({ deadLetter: { settings: { 'max.message.bytes': '1000000' } } }))).toEqual([
    expect.stringContaining('topic dead has max.message.bytes=1000000, less than 1065536'),
  ]);
});

test.each([
  ['syncEvents', 32 * MIB + 1, `restart the instances with MAX_BATCH_BYTES=${256 * MIB + 8}`],
  ['clientSettings', 125_000_000, 'no MAX_BATCH_BYTES allows it: its limit is 999999999'],
] as const)('a %s whose batches may be too large to be fetched leads to a warning', (role, limit, wayOut) => {
  const limited = (bytes: number) => found({ [role]: { settings: { 'max.message.bytes': String(bytes) } } });
  const about = (topics: FoundTopics) => policyWarnings(topics).filter((text) => text.includes(`topic ${names[role]}`));
  expect(about(limited(32 * MIB))).toEqual([]);
  expect(about(limited(limit))).toEqual([
    expect.stringMatching(
      `max.message.bytes=${limit}, and a fetched batch may have 33554432 bytes: .*` +
        `--add-config max.message.bytes=33554432. If the producers need such batches, ${wayOut}$`,
    ),
  ]);
});

test('a changelog that keeps tombstones for less than three hours is warned of', () => {
  const kept = (ms: number) => found({ companyState: { settings: { 'delete.retention.ms': String(ms) } } });
  expect(policyWarnings(kept(3 * HOUR_MS))).toEqual([]);
  expect(policyWarnings(kept(3 * HOUR_MS - 1))).toEqual([
    expect.stringMatching(
      /^changelog app-company-state has delete.retention.ms=10799999: .* --add-config delete.retention.ms=10800000$/,
    ),
  ]);
  expect(policyFaults(kept(0))).toEqual([]);
});
