/**
 * Faults after which a partition may have to wait: for an operator, because records or positions are gone
 * (`operator.ts`), or until somebody ends a transaction or raises a limit.
 */
import { compact } from '../../simulated-kafka/operations/compaction.js';
import { changeSetting, deleteBefore, recreateTopic, topicOf } from '../../simulated-kafka/operations/topics.js';
import { endHanging } from '../../simulated-kafka/operations/transactions.js';
import type { SeededRandom } from '../../seeded-random.js';
import { framed } from '../pipeline/codecs.js';
import { APPLICATION_ID, TOPICS } from './topics.js';
import type { World } from './world.js';

interface Fault {
  readonly world: World;
  readonly random: SeededRandom;
  readonly endAfter: (mostMs: number, end: () => void) => void;
  readonly crash: (meanwhile: () => void) => void;
}

const MAX_MESSAGE_BYTES = 'max.message.bytes';
const MAX_OPEN_MS = 30_000;
const MAX_UNREAD_MS = 10_000;
const END_AGAIN_MS = 500;
const WRITTEN = [TOPICS.companySynchronized, TOPICS.deadLetter];

export const LOSSES: Readonly<Record<string, (fault: Fault) => void>> = {
  'input created again': (fault) => recreated(fault, TOPICS.syncEvents, /input recreated/, /position outside the log/),
  'changelog created again': (fault) => recreated(fault, TOPICS.companyState, /no state/),
  'announcements created again': (fault) => recreated(fault, TOPICS.companySynchronized),
  'dead letters created again': (fault) => recreated(fault, TOPICS.deadLetter),
  'offsets of the group deleted': ({ world, crash }) => {
    world.losses.happened(/offset missing/);
    world.cluster.deleteOffsets(APPLICATION_ID, TOPICS.syncEvents, partitionsOf(world));
    crash(() => undefined);
  },
  'consumed records deleted from the input': (fault) => retention(fault, 'consumed'),
  'records deleted from the input': (fault) => {
    // While an instance is down, records wait to be read.
    fault.crash(() => undefined);
    fault.world.time.after(fault.random.integer(0, MAX_UNREAD_MS), () => retention(fault, 'any'));
  },
  'changelog compacted': ({ world }) => compactAll(world),
  'transaction of another producer': (fault) => leaveOpen(fault),
  'message limit lowered': ({ world, random, endAfter }) => {
    const topic = random.pick([...WRITTEN, TOPICS.companyState]);
    const { settings } = topicOf(world.cluster.world, topic);
    const before = world.limits.get(topic) ?? settings.get(MAX_MESSAGE_BYTES) ?? '';
    world.limits.set(topic, before);
    changeSetting(world.cluster.world, topic, MAX_MESSAGE_BYTES, String(random.pick([80, 200, 400])));
    endAfter(15_000, () => changeSetting(world.cluster.world, topic, MAX_MESSAGE_BYTES, before));
  },
};

/** The operator raises limits, and ends what hangs. */
export function endWaits(world: World): void {
  for (const [topic, before] of world.limits) changeSetting(world.cluster.world, topic, MAX_MESSAGE_BYTES, before);
  for (const topic of [TOPICS.syncEvents, ...WRITTEN])
    for (const partition of partitionsOf(world)) endOpen(world, topic, partition);
}

export function compactAll(world: World): void {
  for (const partition of partitionsOf(world)) compact(world.cluster.world, TOPICS.companyState, partition);
  compact(world.cluster.world, TOPICS.clientSettings, 0);
}

function partitionsOf({ partitions }: World): number[] {
  return Array.from({ length: partitions }, (_, partition) => partition);
}

/** At most one topic of a run: an offset must say of which log it is. */
function recreated({ world }: Fault, topic: string, ...reasons: RegExp[]): void {
  const { losses, cluster } = world;
  // Without a broker, nobody can create a topic.
  if (losses.recreated !== null || cluster.world.controller.image.brokers.size === 0) return;
  losses.happened(...reasons);
  losses.willRecreate(topic);
  recreateTopic(world.cluster.world, topic);
}

/** @param which if only records go that the group has consumed, nothing is lost */
function retention({ world, random }: Fault, which: 'consumed' | 'any'): void {
  const partition = random.pick(partitionsOf(world));
  const ends = world.cluster.ends(TOPICS.syncEvents, partition);
  const committed = world.cluster.committedOffset(APPLICATION_ID, TOPICS.syncEvents, partition);
  // A partition that has consumed nothing begins at the start of the log. Then nothing shows that records were deleted. Its
  // offset may be 0 already, and its changelog may be created again.
  if (ends === null || committed === null || committed === 0) return;
  const before = random.integer(0, which === 'any' ? ends.highWatermark : Math.min(committed, ends.highWatermark));
  world.losses.willDelete(partition);
  if (before > committed) world.losses.happened(/position outside the log/);
  else world.losses.happened();
  deleteBefore(world.cluster.world, TOPICS.syncEvents, partition, before);
}

/** A record that would delete a company, in a transaction that nobody ends for a while. */
function leaveOpen({ world, random, endAfter }: Fault): void {
  const topic = random.pick([TOPICS.syncEvents, TOPICS.syncEvents, ...WRITTEN]);
  const partition = random.pick(partitionsOf(world));
  const companyId = 'company-0';
  const payload = { 'companysync.CompanyDeleted': {} };
  const value = framed('syncEvent', { eventId: 'open', companyId, clientId: 'client-1', occurredAt: 0, payload });
  const record = { key: Buffer.from(companyId), value, headers: [] };
  world.cluster.appendHanging(topic, partition, record, world.time.now());
  endAfter(MAX_OPEN_MS, () => endOpen(world, topic, partition));
}

function endOpen(world: World, topic: string, partition: number): void {
  if (!endHanging(world.cluster.world, topic, partition, false))
    world.time.after(END_AGAIN_MS, () => endOpen(world, topic, partition));
}
