/** What all processes of one run share: time, chance, logs, coordinators, the group, and the faults that are on now. */
import { isOwnFault } from '../../../src/lib/own-fault.js';
import { reasonOf } from '../../../src/lib/reason-of.js';
import { SeededRandom } from '../../seeded-random.js';
import { SimulatedTime } from '../time.js';
import { Group } from './group.js';
import { ModelCoordinator } from './model-coordinator.js';
import { ModelLog, type Outcome } from './model-log.js';
import { Weather } from './weather.js';

export const PARTITION = 0;
export const APPLICATION_ID = 'simulated';
export const TOPICS = {
  input: 'sync-events',
  changelog: 'simulated-company-state',
  synchronized: 'company-synchronized',
  deadLetter: 'sync-events-dead-letter',
  stalled: 'company-sync-stalled',
  failed: 'company-sync-failed',
} as const;
export const ALL_DATASETS_FROM = Date.UTC(2023, 9, 10);

const START_MS = Date.UTC(2027, 0, 1);

export class World {
  readonly time = new SimulatedTime(START_MS);
  readonly random: SeededRandom;
  readonly weather: Weather;
  readonly logs: ReadonlyMap<string, ModelLog> = new Map(
    Object.values(TOPICS).map((topic) => [topic, new ModelLog(topic)]),
  );
  readonly coordinator: ModelCoordinator;
  readonly group: Group;
  #wasCut = false;
  /** What must never happen, noticed while it happened. */
  readonly violations: string[] = [];
  /** Lines of the trace; null if nobody wants one. */
  readonly lines: string[] | null;

  constructor(seed: number, isTraced: boolean) {
    this.lines = isTraced ? [] : null;
    this.random = new SeededRandom(seed);
    this.weather = new Weather(this.random);
    this.group = new Group(this);
    const ended = (outcome: Outcome, why: string) =>
      this.trace(
        'coordinator',
        `${outcome} (${why}), group's offset ${this.coordinator.pending?.offset ?? 'as before'}`,
      );
    this.coordinator = new ModelCoordinator(this.time, this.random, ended, (log, outcome) => this.#cut(log, outcome));
  }

  /** Whether the changelog has lost the end of a committed transaction. */
  get wasCut(): boolean {
    return this.#wasCut;
  }

  #cut(log: ModelLog, outcome: Outcome): void {
    const { cutBy } = this.weather;
    if (cutBy === null || outcome !== 'commit' || log.topic !== TOPICS.changelog || !log.loseEnd(cutBy)) return;
    this.weather.cutBy = null;
    this.#wasCut = true;
    this.trace('changelog', `loses the end of a committed transaction, from offset ${log.highWatermark} on`);
  }

  log(topic: string): ModelLog {
    const log = this.logs.get(topic);
    if (log === undefined) throw new Error(`the simulation has no topic ${topic}`);
    return log;
  }

  get input(): ModelLog {
    return this.log(TOPICS.input);
  }

  violated(what: string): void {
    this.violations.push(what);
    this.trace('VIOLATION', what);
  }

  /** An error of the pipeline. A fault of the program itself must never happen, whatever brokers and disks do. */
  failed(who: string, error: unknown): void {
    if (isOwnFault(error) || (error as Error).name === 'Error')
      this.violated(`a fault of the program: ${(error as Error).stack ?? String(error)}`);
    else this.trace(who, `error ${reasonOf(error)}`);
  }

  trace(who: string, what: string): void {
    this.lines?.push(`${String(this.time.now() - START_MS).padStart(8)} ms  ${who.padEnd(12)} ${what}`);
  }
}
