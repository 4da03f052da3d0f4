/**
 * Reads the input for `dead-letters repair --all`, which judges the dead letters in portions. The input is read once,
 * from the first record that any portion needs. For each later portion, only the new records are read.
 *
 * What is kept of the input has the same limit as for one portion. If all portions together would exceed it, the input is
 * read for each portion separately.
 */
import type { LogRecord } from '../lib/record.js';
import type { Logs } from '../pipeline/ports.js';
import { type DeadLetter, idOf } from '../publish/dead-letter.js';
import type { ReadDeadLetters } from './dead-letter-collector.js';
import { firstFailureOf } from './first-failure.js';
import {
  type Decode,
  InputAfterwards,
  MAX_AFTERWARDS_BYTES,
  type RecordIds,
  TooMuchAfterwardsError,
} from './input-afterwards.js';
import { type LogTimes, startsAfter } from './later-records.js';
import { Originals } from './original-record.js';
import { readPartitions } from './read-partitions.js';

export interface RepairAllInputPorts {
  readonly logs: Pick<Logs, 'bounds' | 'reader'> & LogTimes;
  /** The input. */
  readonly topic: string;
  readonly partitions: number;
  readonly decode: Decode;
}

/** What the run knows when the reading begins. */
export interface RepairAllRun {
  /** All dead letters of the run. */
  readonly read: ReadDeadLetters;
  /** The companies whose later events matter for any of them; null if these are too many to keep. */
  readonly watched: ReadonlySet<string> | null;
  /** As in `InputAfterwards`. The command adds the dead letters that it repairs. */
  readonly repairedNow: RecordIds;
}

/** What the input has for a portion of the dead letters. */
export interface InputOfPortion {
  readonly afterwards: InputAfterwards;
  readonly originals: Originals;
}

type Starts = ReadonlyMap<number, number>;

export class RepairAllInput {
  /** Null before the first portion, and if the portions cannot share it. */
  #shared: Reading | null = null;
  #mayShare: boolean;

  constructor(
    private readonly ports: RepairAllInputPorts,
    private readonly run: RepairAllRun,
    private readonly maxBytes = MAX_AFTERWARDS_BYTES,
  ) {
    this.#mayShare = run.watched !== null;
  }

  /**
   * Reads the input up to its end.
   *
   * @param deadLetters of one portion
   * @param watched the companies whose later events matter for this portion
   * @throws TooMuchAfterwardsError if the later records of this portion alone exceed the limit
   */
  async after(deadLetters: readonly DeadLetter[], watched: ReadonlySet<string>): Promise<InputOfPortion> {
    const starts = await this.#startsFor(deadLetters, watched);
    return (await this.#readShared(starts, watched)) ?? this.#read(starts, watched, deadLetters);
  }

  /** Null if all portions together exceed the limit, or if another client has written dead letters since the first read. */
  async #readShared(starts: Starts, watched: ReadonlySet<string>): Promise<Reading | null> {
    const { read, watched: allWatched } = this.run;
    if (!this.#mayShare || allWatched === null) return null;
    try {
      this.#shared ??= this.#reading(await this.#startsFor(read.deadLetters, allWatched), allWatched, read.deadLetters);
      if (!this.#shared.covers(starts, watched)) return null;
      await this.#shared.readOn();
      return this.#shared;
    } catch (error) {
      if (!(error instanceof TooMuchAfterwardsError)) throw error;
      this.#mayShare = false;
      this.#shared = null;
      return null;
    }
  }

  async #read(starts: Starts, watched: ReadonlySet<string>, deadLetters: readonly DeadLetter[]): Promise<Reading> {
    const reading = this.#reading(starts, watched, deadLetters);
    await reading.readOn();
    return reading;
  }

  #reading(starts: Starts, watched: ReadonlySet<string>, deadLetters: readonly DeadLetter[]): Reading {
    const { read, repairedNow } = this.run;
    const options = { maxBytes: this.maxBytes, repairedNow };
    const afterwards = new InputAfterwards(read.badRecords, watched, this.ports.decode, options);
    return new Reading(this.ports, starts, watched, afterwards, new Originals(new Set(deadLetters.map(idOf))));
  }

  #startsFor(deadLetters: readonly DeadLetter[], watched: ReadonlySet<string>): Promise<Map<number, number>> {
    const { logs, topic, partitions } = this.ports;
    const firsts = deadLetters.flatMap((deadLetter) => {
      const first = firstFailureOf(deadLetter, this.run.read);
      return idOf(first) === idOf(deadLetter) ? [] : [{ ...deadLetter, ...first }];
    });
    return startsAfter(logs, topic, partitions, [...deadLetters, ...firsts], watched);
  }
}

/** A reading of some partitions of the input, which continues where it has ended. */
class Reading implements InputOfPortion {
  /** The next offset to read in each partition. */
  readonly #positions: Map<number, number>;

  constructor(
    private readonly ports: RepairAllInputPorts,
    private readonly starts: Starts,
    private readonly watched: ReadonlySet<string>,
    readonly afterwards: InputAfterwards,
    readonly originals: Originals,
  ) {
    this.#positions = new Map(starts);
  }

  /** Whether it has read every record that a reading of its own would. */
  covers(starts: Starts, watched: ReadonlySet<string>): boolean {
    const has = ([partition, start]: readonly [number, number]) => (this.starts.get(partition) ?? Infinity) <= start;
    return [...starts].every(has) && [...watched].every((company) => this.watched.has(company));
  }

  /** Reads on, up to the present end of each partition. After an error, the reading is incomplete: throw it away. */
  async readOn(): Promise<void> {
    const { logs, topic } = this.ports;
    const take = (partition: number, records: readonly LogRecord[]) => {
      this.originals.take(partition, records);
      return this.afterwards.take(partition, records);
    };
    const ends = await readPartitions(logs, topic, this.#positions, take);
    for (const [partition, end] of ends) this.#positions.set(partition, end);
  }
}
