import { loadConfig, type Flags } from '../../src/config.js';
import type { LogRecord, TopicPartition } from '../../src/lib/record.js';
import { systemClock } from '../../src/lib/system-clock.js';
import { StaleViewError } from '../../src/pipeline/errors.js';
import type { Logs } from '../../src/pipeline/ports.js';
import { eventIdNamespace, eventIdOf } from '../../src/publish/event-id.js';
import { textHeader } from '../../src/publish/record-headers.js';
import { checkFirstStart } from '../../src/start-checks.js';
import { SEEN_BY_MOST } from '../support/seen-by-most.js';

const OUTBOUND = 'company-synchronized';
const CHANGELOG = 'new-company-state';
const partitions = {
  syncEvents: 2,
  companyState: 2,
  deadLetter: 2,
  companySynchronized: 3,
  clientSettings: 1,
  companySyncStalled: 3,
  companySyncFailed: 3,
};

function announcementOf(companyId: string, eventNamespace: string): LogRecord {
  const headers = [
    textHeader('ce_id', eventIdOf(companyId, eventIdNamespace(eventNamespace))),
    textHeader('ce_source', '/old/sync-events/0'),
  ];
  return { offset: 5, timestamp: 0, key: Buffer.from(companyId), value: null, headers };
}

/** Topic -> start, last stable offset and high watermark of its partition 1; the other partitions are empty. */
type Found = Record<string, readonly [start: number, end: number, highWatermark: number]>;

class FoundLogs implements Logs {
  offset: number | null = null;
  /** The changelog has a committed record. */
  hasState = false;
  /** Too few brokers name the leader of this topic. */
  toldByFew: string | null = null;
  readonly asked: string[] = [];

  constructor(
    readonly found: Found,
    private readonly record: LogRecord | null = null,
  ) {}

  bounds({ topic, partition }: TopicPartition) {
    this.asked.push(topic);
    const [start, end, highWatermark] = (partition === 1 ? this.found[topic] : undefined) ?? [0, 0, 0];
    return Promise.resolve({ start, end, highWatermark, ...SEEN_BY_MOST, byMost: topic !== this.toldByFew });
  }

  committedOffset({ partition }: TopicPartition) {
    const offset = partition === 1 ? this.offset : null;
    return Promise.resolve(offset === null ? null : { offset, leaderEpoch: -1 });
  }

  endOfEpoch(): never {
    throw new Error('nobody asks');
  }

  pendingOffset(): never {
    throw new Error('nobody asks');
  }

  reader({ topic }: TopicPartition, from: number) {
    const { record, hasState } = this;
    let position = from;
    const next = () => {
      const isHere = topic === CHANGELOG ? hasState : record?.offset === position;
      const records = isHere && record !== null ? [record] : [];
      return Promise.resolve({ records, nextOffset: ++position, endOffset: 100, leaderEpoch: -1 });
    };
    return { next, close: () => undefined };
  }
}

async function check(logs: Logs, flags: Flags = {}, changelogIsEmpty = true): Promise<string | null> {
  const config = loadConfig({ APPLICATION_ID: 'new' }, flags, () => '');
  return (await checkFirstStart(config, { partitions, changelogIsEmpty }, logs, systemClock))?.message ?? null;
}

const used: Found = { [OUTBOUND]: [3, 9, 9] };

test('a first start on announcements of another application is refused, with what is there and the command', async () => {
  const message = await check(new FoundLogs(used, announcementOf('acme', 'old')));
  expect(message).toContain('application new has never run (its changelog new-company-state is empty');
  expect(message).toContain('6 records are left in it, and 1 of 3 partitions were used');
  expect(message).toContain('with other event ids (/old/sync-events/0 wrote the first one): set EVENT_NAMESPACE');
  expect(message).toMatch(/To start anyway: company-sync run --consent used-outbound-topic$/);
});

test('an existing announcement shows whether the event ids would be the same', async () => {
  const logs = () => new FoundLogs(used, announcementOf('acme', 'old'));
  expect(await check(logs(), { 'event-namespace': 'old' })).toContain('again, with the same event ids (/old');
  // Retention has removed all of them, or only markers are left.
  for (const left of [{ [OUTBOUND]: [9, 9, 9] }, used] as Found[])
    expect(await check(new FoundLogs(left))).toContain('the same event ids only if EVENT_NAMESPACE is that of');
});

test('a start is not refused on an unused topic, with consent, or if something was committed before', async () => {
  expect(await check(new FoundLogs({}))).toBeNull();
  // Open or aborted so far: nobody reads it.
  expect(await check(new FoundLogs({ [OUTBOUND]: [0, 0, 4] }))).toBeNull();
  expect(await check(new FoundLogs(used), { consent: 'used-outbound-topic' })).toBeNull();
  const withOffset = new FoundLogs(used);
  withOffset.offset = 0;
  expect(await check(withOffset)).toBeNull();
});

test.each([OUTBOUND, CHANGELOG])(
  'a first start waits while too few brokers name the leader of %s: no later check would notice used announcements',
  async (toldByFew) => {
    const stale = new FoundLogs(toldByFew === OUTBOUND ? {} : used);
    stale.toldByFew = toldByFew;
    await expect(check(stale)).rejects.toThrow(StaleViewError);
  },
);

test('a start on a changelog that is not empty sends no further request', async () => {
  const logs = new FoundLogs(used);
  expect(await check(logs, {}, false)).toBeNull();
  expect(logs.asked).toEqual([]);
});

test.each([
  ['before our first look', 0],
  ['after our first look', 1],
])('another instance whose first commit comes %s does not keep this one from starting', async (_, looks) => {
  const committed = { ...used, [CHANGELOG]: [0, 7, 7] } as const;
  const logs = new FoundLogs(committed, announcementOf('acme', 'new'));
  logs.hasState = true;
  const found = logs.bounds.bind(logs);
  const nothing = { start: 0, end: 0, highWatermark: 0, ...SEEN_BY_MOST };
  logs.bounds = async (partition) => {
    const bounds = await found(partition);
    return new Set(logs.asked).size > looks ? bounds : nothing;
  };
  expect(await check(logs)).toBeNull();
});

test('an aborted transaction in the changelog is no earlier run: the start is refused', async () => {
  const proved: Found = { ...used, [CHANGELOG]: [0, 2, 2] };
  expect(await check(new FoundLogs(proved, announcementOf('acme', 'old')))).toContain('has never run');
});

test('a start waits for the end of a transaction in the changelog: another instance may be committing', async () => {
  const open: Found = { ...used, [CHANGELOG]: [0, 0, 7] };
  const started = check(new FoundLogs(open, announcementOf('acme', 'new')));
  await expect(started).rejects.toThrow(StaleViewError);
  await expect(started).rejects.toThrow(`${CHANGELOG}/1 has an open transaction`);
});
