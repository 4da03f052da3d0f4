/**
 * What must hold at the end of a run, when all instances have come to rest. The audit of `testkit/audit` judges the
 * topics: it shares no code with `src`.
 */
import { CHANGELOG_POSITION_KEY, decodeChangelogPosition } from '../../../src/store/partition-meta.js';
import { isPositionKey, POSITION_KEY } from '../../../src/store/row-keys.js';
import { auditTopics } from '../../audit/audit-topics.js';
import { anomaliesAfterLoss } from './audit-after-loss.js';
import type { TopicContents, TopicRecord } from '../../audit/topic-record.js';
import type { SimulatedRecord } from '../../simulated-kafka/index.js';
import { differencesOf as rowDifferences, REGISTERED } from '../pipeline/check.js';
import { SCHEMAS } from '../pipeline/codecs.js';
import type { MemoryDisk } from '../pipeline/memory-disk.js';
import type { Instance } from './instance.js';
import { ALL_DATASETS_FROM, APPLICATION_ID, TOPICS } from './topics.js';
import type { World } from './world.js';

const NO_KEY = Buffer.alloc(0);

/** Whether each partition runs on one instance, and has consumed its input. */
export function isAtRest(world: World, instances: readonly Instance[]): boolean {
  return (
    instances.every(({ isReady }) => isReady) && partitionsOf(world).every((each) => isConsumed(world, each, instances))
  );
}

function isConsumed({ cluster }: World, partition: number, instances: readonly Instance[]): boolean {
  const owners = instances.filter(({ partitions }) => partitions.includes(partition));
  const ends = cluster.ends(TOPICS.syncEvents, partition);
  if (owners.length !== 1 || ends === null || ends.highWatermark !== ends.end) return false;
  return cluster.committedOffset(APPLICATION_ID, TOPICS.syncEvents, partition) === ends.end;
}

/** In words, why the run has not come to rest. */
export function stuck(world: World, instances: readonly Instance[]): string {
  const { cluster } = world;
  const positions = partitionsOf(world).map((partition) => {
    const committed = cluster.committedOffset(APPLICATION_ID, TOPICS.syncEvents, partition);
    const end = cluster.ends(TOPICS.syncEvents, partition)?.end;
    return `partition ${partition}: offset ${committed ?? 'missing'} of ${end ?? 'no leader'}`;
  });
  const states = instances.map(({ name, status }) => `${name}: ${status}`);
  return ['stuck', ...positions, ...states].join('\n    ');
}

/** @param choices each client's own choice. @returns one text for each anomaly */
export function anomaliesOf(
  world: World,
  choices: ReadonlyMap<string, string>,
  instances: readonly Instance[],
): string[] {
  return [...auditAnomalies(world, choices), ...stateDifferences(world, instances)];
}

function auditAnomalies(world: World, choices: ReadonlyMap<string, string>): string[] {
  const rest = {
    settings: contents(world, TOPICS.clientSettings, 1),
    registered: REGISTERED,
    schemas: SCHEMAS,
    applicationId: APPLICATION_ID,
    eventNamespace: APPLICATION_ID,
    allDatasetsFrom: ALL_DATASETS_FROM,
    settingsInPlaceBefore: choices.size,
  };
  const anomalies = world.losses.any
    ? anomaliesAfterLoss(world, rest)
    : auditTopics({
        ...rest,
        events: contents(world, TOPICS.syncEvents),
        synchronized: contents(world, TOPICS.companySynchronized),
        failed: contents(world, TOPICS.companySyncFailed),
        deadLetters: contents(world, TOPICS.deadLetter),
      }).anomalies;
  return anomalies.map(({ kind, companyId, what, history }) =>
    [`${kind}: ${companyId ?? 'no company'}: ${what}`, ...history.map((line) => `    ${line}`)].join('\n'),
  );
}

export function countAnnounced({ cluster, partitions }: World): number {
  const of = (partition: number) => cluster.read(TOPICS.companySynchronized, partition, 'read_committed').length;
  return Array.from({ length: partitions }, (_, partition) => of(partition)).reduce((sum, count) => sum + count, 0);
}

/**
 * The owner's disk must have the rows that the changelog gives up to the position of that disk.
 *
 * Beyond it there may be transactions that consumed nothing, such as the report of a stalled company: an idle owner that
 * was fenced meanwhile, and owns the partition again, notices that with the next record.
 */
function stateDifferences(world: World, instances: readonly Instance[]): string[] {
  return partitionsOf(world).flatMap((partition) => {
    const changelog = world.cluster.read(TOPICS.companyState, partition, 'read_committed');
    return instances
      .filter(({ partitions }) => partitions.includes(partition))
      .flatMap(({ name, volume }) => {
        const disk = volume.disks.get(partition);
        if (disk === undefined) return [`${name} runs partition ${partition}, and has no state of it`];
        const position = positionOf(disk);
        const unseen = changelog.filter(({ offset }) => offset >= position);
        const row = disk.rows.get(POSITION_KEY.toString('latin1'));
        if (unseen.some(({ key, value }) => isPositionKey(key ?? NO_KEY) && row?.equals(value ?? NO_KEY) !== true))
          return [`${name}, partition ${partition}: state: the changelog has consumed more than the disk`];
        const seen = changelog.filter(({ offset }) => offset < position);
        return rowDifferences(seen, disk).map((line) => `${name}, partition ${partition}: ${line}`);
      });
  });
}

/** Up to where the disk has followed the changelog. */
function positionOf({ rows }: MemoryDisk): number {
  const stored = rows.get(CHANGELOG_POSITION_KEY.toString('latin1'));
  return stored === undefined ? 0 : decodeChangelogPosition(stored).offset;
}

export function partitionsOf({ partitions }: World): number[] {
  return Array.from({ length: partitions }, (_, partition) => partition);
}

function contents(world: World, topic: string, partitions = world.partitions): TopicContents {
  const read = (partition: number) =>
    world.cluster.read(topic, partition, 'read_committed').map((record) => asRecord(record, partition));
  const records = Array.from({ length: partitions }, (_, partition) => read(partition)).flat();
  return { topic, partitions, records };
}

export function asRecord({ offset, timestamp, key, value, headers }: SimulatedRecord, partition: number): TopicRecord {
  const byKey = new Map<string, (Buffer | null)[]>();
  for (const header of headers) byKey.set(header.key, [...(byKey.get(header.key) ?? []), header.value]);
  return { partition, offset, timestamp, key, value, headers: byKey };
}
