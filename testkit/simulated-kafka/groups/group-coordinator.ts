/** The group coordinator of one broker, for the partitions of `__consumer_offsets` that the broker leads. */
import type { Broker } from '../broker.js';
import {
  COORDINATOR_LOAD_IN_PROGRESS,
  COORDINATOR_NOT_AVAILABLE,
  GROUP_ID_NOT_FOUND,
  NO_ERROR,
  NON_EMPTY_GROUP,
  NOT_COORDINATOR,
} from '../error-codes.js';
import { OFFSETS_TOPIC, partitionOfKey } from '../image.js';
import type { BatchProducer, StoredBatch } from '../log/batch.js';
import type { Replica } from '../log/replica.js';
import { StateShard } from '../state-shard.js';
import { GroupOffsets, type GroupOffset } from './group-offsets.js';
import { Group } from './group.js';
import type { StoredGroup } from './group-types.js';
import type { Client } from './member.js';

/** A record of `__consumer_offsets`. */
type GroupRecord = { readonly groupId: string } & (
  | { readonly kind: 'offsets'; readonly offsets: readonly GroupOffset[] }
  | { readonly kind: 'deleted offsets'; readonly partitions: readonly { topic: string; partition: number }[] }
  | { readonly kind: 'group'; readonly group: StoredGroup }
  | { readonly kind: 'deleted group' }
);

interface Home {
  readonly shard: StateShard;
  readonly groups: Map<string, Group>;
  readonly offsets: Map<string, GroupOffsets>;
  /** What the log says of each group. */
  readonly stored: Map<string, StoredGroup>;
}

/** A group with its offsets. The group exists from the first member on. */
export interface FoundGroup {
  readonly group: Group | undefined;
  readonly offsets: GroupOffsets;
}

type Done = (errorCode: number) => void;

const HEX_DIGITS_OF_ID = 32;

export class GroupCoordinator {
  readonly #homes = new Map<number, Home>();

  constructor(private readonly broker: Broker) {}

  /** Begins or ends to coordinate the groups of a partition. */
  lead(replica: Replica): void {
    const { partition } = replica.state;
    for (const group of this.#homes.get(partition)?.groups.values() ?? []) group.stop();
    this.#homes.delete(partition);
    if (!replica.isLeader) return;
    const home: Home = {
      shard: new StateShard(this.broker, replica, (batch) => apply(home, batch)),
      groups: new Map(),
      offsets: new Map(),
      stored: new Map(),
    };
    this.#homes.set(partition, home);
    home.shard.start(() => {
      for (const [groupId, stored] of home.stored) this.#create(home, groupId).restore(stored);
    });
  }

  /** @returns an error code if another broker coordinates the group, or if this one is loading it */
  find(groupId: string): FoundGroup | number {
    const home = this.#homeOf(groupId);
    if (typeof home === 'number') return home;
    return { group: home.groups.get(groupId), offsets: offsetsOf(home, groupId) };
  }

  /** As `find`, but makes the group if there is none. */
  findOrCreate(groupId: string): Group | number {
    const home = this.#homeOf(groupId);
    if (typeof home === 'number') return home;
    return home.groups.get(groupId) ?? this.#create(home, groupId);
  }

  get groups(): readonly Group[] {
    return [...this.#homes.values()].flatMap(({ groups }) => [...groups.values()]);
  }

  /** The partition of `__consumer_offsets` that holds the group. */
  partitionOf(groupId: string): number {
    return partitionOfKey(groupId, this.broker.view.topics.get(OFFSETS_TOPIC)?.partitions.length ?? 1);
  }

  /** @param producer of the transaction that commits the offsets; null without */
  commit(groupId: string, offsets: readonly GroupOffset[], producer: BatchProducer | null, done: Done): void {
    this.#write({ kind: 'offsets', groupId, offsets }, producer, done);
  }

  deleteOffsets(
    groupId: string,
    partitions: readonly { readonly topic: string; readonly partition: number }[],
    done: Done,
  ): void {
    this.#write({ kind: 'deleted offsets', groupId, partitions }, null, done);
  }

  /** A topic was deleted: no group keeps an offset of it. */
  deleteOffsetsOfTopic(topic: string): void {
    for (const { offsets } of this.#homes.values())
      for (const [groupId, ofGroup] of offsets) {
        const partitions = ofGroup.all.filter((each) => each.topic === topic);
        if (partitions.length > 0) this.deleteOffsets(groupId, partitions, () => undefined);
      }
  }

  deleteGroup(groupId: string, done: Done): void {
    const found = this.find(groupId);
    if (typeof found === 'number') return done(found);
    if (found.group === undefined && found.offsets.isEmpty) return done(GROUP_ID_NOT_FOUND);
    if (found.group !== undefined && found.group.phase !== 'Empty') return done(NON_EMPTY_GROUP);
    this.#write({ kind: 'deleted group', groupId }, null, done);
  }

  #write(record: GroupRecord, producer: BatchProducer | null, done: Done): void {
    const home = this.#homeOf(record.groupId);
    if (typeof home === 'number') return done(home);
    home.shard.write(record, producer, done);
  }

  #homeOf(groupId: string): Home | number {
    const home = this.#homes.get(this.partitionOf(groupId));
    if (home === undefined || home.shard.isStopped) return NOT_COORDINATOR;
    return home.shard.isLoaded ? home : COORDINATOR_LOAD_IN_PROGRESS;
  }

  #create(home: Home, groupId: string): Group {
    const { world } = this.broker;
    const group = new Group(groupId, {
      time: world.time,
      initialDelayMs: Number(world.settings.get('group.initial.rebalance.delay.ms')),
      newMemberId: (client, instanceId) => this.#newMemberId(client, instanceId),
      store: (stored, done) =>
        home.shard.write({ kind: 'group', groupId, group: stored } satisfies GroupRecord, null, (errorCode) =>
          done(errorCode === NO_ERROR ? NO_ERROR : COORDINATOR_NOT_AVAILABLE),
        ),
    });
    home.groups.set(groupId, group);
    return group;
  }

  #newMemberId({ clientId }: Client, instanceId: string | null): string {
    const digit = (): string => Math.floor(this.broker.world.random() * 16).toString(16);
    const id = Array.from({ length: HEX_DIGITS_OF_ID }, digit).join('');
    return `${instanceId ?? clientId}-${id}`;
  }
}

function offsetsOf({ offsets }: Home, groupId: string): GroupOffsets {
  const known = offsets.get(groupId);
  if (known !== undefined) return known;
  const ofGroup = new GroupOffsets();
  offsets.set(groupId, ofGroup);
  return ofGroup;
}

function apply(home: Home, { payload, marker, producerId, isTransactional }: StoredBatch): void {
  if (marker !== null) {
    for (const offsets of home.offsets.values()) offsets.end(producerId, marker.isCommit);
    return;
  }
  const record = payload as GroupRecord;
  const { groupId } = record;
  switch (record.kind) {
    case 'offsets':
      return offsetsOf(home, groupId).commit(record.offsets, isTransactional ? producerId : null);
    case 'deleted offsets':
      return record.partitions.forEach(({ topic, partition }) => offsetsOf(home, groupId).delete(topic, partition));
    case 'group':
      home.stored.set(groupId, record.group);
      return;
    case 'deleted group':
      home.stored.delete(groupId);
      home.groups.delete(groupId);
      offsetsOf(home, groupId).clear();
  }
}
