/**
 * What a run has lost by faults that no program can hide, and what its operator has decided about it. The checker needs
 * both to know what is right.
 */
import type { SimulatedRecord } from '../../simulated-kafka/index.js';
import { readRecords } from '../../simulated-kafka/log/read-records.js';
import { replicasOf } from '../../simulated-kafka/operations/topics.js';
import { TOPICS } from './topics.js';
import type { World } from './world.js';

/** Records of one input log that the instances read, in this order: offsets `from` to `to` of it. */
export interface ReadPart {
  readonly topicId: string;
  readonly from: number;
  /** Infinity while they read on. */
  to: number;
}

/** Where the written topics ended when a part began: later records belong to that part or a later one. */
export interface WrittenEnds {
  readonly synchronized: number;
  readonly deadLetters: number;
}

interface PartitionHistory {
  parts: ReadPart[];
  /** As many as parts. */
  ends: WrittenEnds[];
  /** All records of the input that could be read, also those that are gone now: by topic id, then by offset. */
  readonly records: Map<string, Map<number, SimulatedRecord>>;
}

const NOTHING_WRITTEN: WrittenEnds = { synchronized: 0, deadLetters: 0 };

export class Losses {
  readonly #histories = new Map<number, PartitionHistory>();
  /** Records of written topics that were deleted, by topic and partition. */
  readonly #written = new Map<string, SimulatedRecord[]>();
  /** What has happened, and the reasons that a blocked partition may give then. */
  readonly #reasons: RegExp[] = [];
  #recreated: string | null = null;
  #any = false;

  constructor(private readonly world: World) {}

  /** A topic that was created again; null if none was. */
  get recreated(): string | null {
    return this.#recreated;
  }

  get any(): boolean {
    return this.#any;
  }

  /** @param reasons that a blocked partition may give because of it */
  happened(...reasons: RegExp[]): void {
    this.#any = true;
    this.#reasons.push(...reasons);
  }

  /** Whether something that has happened explains why a partition waits for an operator. */
  explain(reason: string): boolean {
    return this.#reasons.some((known) => known.test(reason));
  }

  /** Call it before a topic is deleted. At most one topic of a run is created again. */
  willRecreate(topic: string): void {
    this.#recreated = topic;
    for (let partition = 0; partition < this.world.partitions; partition++) {
      if (topic === TOPICS.syncEvents) this.willDelete(partition);
      else this.#written.set(`${topic}/${partition}`, fullest(this.world, topic, partition));
    }
  }

  /** Keeps the records of an input partition. Call it before some of them are deleted, and at the end. */
  willDelete(partition: number): void {
    const { records } = this.#of(partition);
    const topicId = this.inputId;
    const known = records.get(topicId) ?? new Map<number, SimulatedRecord>();
    records.set(topicId, known);
    for (const record of fullest(this.world, TOPICS.syncEvents, partition)) known.set(record.offset, record);
  }

  get inputId(): string {
    return this.world.cluster.world.controller.image.topics.get(TOPICS.syncEvents)?.topicId ?? '';
  }

  /** The operator has consented to leave the input at `to`, and to read on from `from` of the present topic. */
  continues(partition: number, to: number, from: number): void {
    const history = this.#of(partition);
    const last = history.parts.at(-1)!;
    last.to = to;
    history.parts.push({ topicId: this.inputId, from, to: Infinity });
    history.ends.push(this.#writtenEnds(partition));
  }

  /** The operator has consented to build the state again from what the input still holds. */
  beginsAgain(partition: number, from: number): void {
    const history = this.#of(partition);
    history.parts = [{ topicId: this.inputId, from, to: Infinity }];
    history.ends = [this.#writtenEnds(partition)];
  }

  /** What the instances should have read of a partition, and where each part of that begins in the written topics. */
  historyOf(partition: number): Readonly<PartitionHistory> {
    this.willDelete(partition);
    const history = this.#of(partition);
    const last = history.parts.at(-1)!;
    // Without an operator, only a partition that had consumed nothing may follow a new topic.
    if (last.topicId !== this.inputId) {
      history.parts = [{ topicId: this.inputId, from: 0, to: Infinity }];
      history.ends = [NOTHING_WRITTEN];
    }
    return history;
  }

  /** Records of a written topic that was created again, then those of its present log. */
  written(topic: string, partition: number): SimulatedRecord[] {
    const former = this.#written.get(`${topic}/${partition}`) ?? [];
    return [...former, ...this.world.cluster.read(topic, partition, 'read_committed')];
  }

  #writtenEnds(partition: number): WrittenEnds {
    const count = (topic: string): number => this.world.cluster.ends(topic, partition)?.end ?? 0;
    return { synchronized: count(TOPICS.companySynchronized), deadLetters: count(TOPICS.deadLetter) };
  }

  #of(partition: number): PartitionHistory {
    let history = this.#histories.get(partition);
    if (history === undefined) {
      const parts = [{ topicId: this.inputId, from: 0, to: Infinity }];
      history = { parts, ends: [NOTHING_WRITTEN], records: new Map() };
      this.#histories.set(partition, history);
    }
    return history;
  }
}

/** Also what a leader has not replicated yet: instances may still read it, for brokers learn of a deletion one by one. */
function fullest({ cluster }: World, topic: string, partition: number): SimulatedRecord[] {
  const [replica] = replicasOf(cluster.world, topic, partition).sort((a, b) => b.log.end - a.log.end);
  if (replica === undefined) return [];
  const { log } = replica;
  const lastStableOffset = log.producers.lastStableOffset(log.end);
  return readRecords({ log, highWatermark: log.end, lastStableOffset }, 'read_committed');
}
