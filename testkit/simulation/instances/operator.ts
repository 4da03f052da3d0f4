/**
 * The operator of a run: when all faults have ended, it reads why partitions are blocked, and does what
 * docs/operations.md says. It uses the same code as `company-sync positions set`.
 */
import { pino } from 'pino';
import { kafkaConfigOf } from '../../../src/kafka/connection/kafka-config.js';
import {
  readPositions,
  type FoundPositions,
  type PositionSources,
} from '../../../src/kafka/group/partition-positions.js';
import { setPositions } from '../../../src/kafka/group/set-positions.js';
import { StoppedGroup } from '../../../src/kafka/group/stopped-group.js';
import { KafkaLogs } from '../../../src/kafka/reading/kafka-logs.js';
import { reasonOf } from '../../../src/lib/reason-of.js';
import { steadyMs } from '../../../src/lib/stopwatch.js';
import { judgePositions, type Choice } from '../../../src/pipeline/position-choices.js';
import { recreateTopic } from '../../simulated-kafka/operations/topics.js';
import { framed } from '../pipeline/codecs.js';
import type { Instance } from './instance.js';
import { SimulatedProcess } from './process.js';
import { APPLICATION_ID, configOf, TOPICS } from './topics.js';
import type { World } from './world.js';

const LOOK_MS = 5_000;
const ASK_AGAIN_MS = 5_000;
/** Members that were killed leave the group in this time. */
const MAX_ASKING_MS = 60_000;
/** After a try that failed, instances end open transactions in this time. */
const RUN_MS = 30_000;
const MAX_BATCH_BYTES = 1_000_000;

const SILENT = pino({ level: 'silent' });

/** What the reason of a blocked partition asks for. */
const ASKS_OPERATOR = /Stop all instances/;
const CHANGELOG_LOST = /"The changelog is lost"|no state|changelog incomplete/;

export class Operator {
  #isBusy = false;
  #acted = 0;
  readonly #process: SimulatedProcess;

  constructor(
    private readonly world: World,
    private readonly instances: readonly Instance[],
  ) {
    this.#process = new SimulatedProcess(world, 'operator', (error) =>
      world.violated(`the operator failed: ${(error as Error).stack ?? String(error)}`),
    );
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** How often it had to act. */
  get acted(): number {
    return this.#acted;
  }

  /** Looks from now on. */
  begin(): void {
    this.#process.later(LOOK_MS, () => void this.#look());
  }

  end(): void {
    this.#process.kill();
  }

  async #look(): Promise<void> {
    const reasons = this.instances.flatMap(({ blocked }) => blocked).filter((reason) => ASKS_OPERATOR.test(reason));
    if (reasons.length > 0) {
      this.#isBusy = true;
      this.#acted++;
      this.world.trace('operator', `reads: ${reasons.join(' | ')}`);
      await this.#act(reasons.some((reason) => CHANGELOG_LOST.test(reason)));
      this.#isBusy = false;
    }
    this.#process.later(LOOK_MS, () => void this.#look());
  }

  async #act(changelogIsLost: boolean): Promise<void> {
    await this.#stopAll();
    try {
      if (changelogIsLost) await this.#replaceChangelog();
      await this.#setPositions();
    } catch (error) {
      this.world.trace('operator', `cannot set positions now: ${reasonOf(error)}`);
    }
    for (const instance of this.instances) instance.release();
    await this.#process.clock.delay(RUN_MS);
  }

  #stopAll(): Promise<unknown> {
    this.world.trace('operator', 'stops all instances');
    return Promise.all(this.instances.map((instance) => new Promise<void>((resolve) => instance.hold(resolve))));
  }

  /** As "The changelog is lost" of docs/operations.md says, without the positions. */
  async #replaceChangelog(): Promise<void> {
    const { world } = this;
    for (const { volume } of this.instances) volume.erase();
    recreateTopic(world.cluster.world, TOPICS.companyState);
    for (let partition = 0; partition < world.partitions; partition++) {
      const announced = world.cluster.read(TOPICS.companySynchronized, partition, 'read_committed');
      for (const companyId of new Set(announced.map(({ key }) => String(key)))) await this.#mark(companyId, partition);
    }
  }

  /** As `company-sync companies seed`. */
  async #mark(companyId: string, partition: number): Promise<void> {
    const payload = { 'companysync.AnnouncedElsewhere': { by: 'operator' } };
    const value = framed('syncEvent', { eventId: 'seed', companyId, clientId: '', occurredAt: 0, payload });
    const record = { key: Buffer.from(companyId), value, headers: [] };
    while (this.world.cluster.append(TOPICS.syncEvents, partition, record, this.world.time.now()) === null)
      await this.#process.clock.delay(ASK_AGAIN_MS);
  }

  async #setPositions(): Promise<void> {
    const { world } = this;
    const { clock } = this.#process;
    const sockets = { socketFactory: world.network.socketsOf(this.#process, 'operator') as unknown };
    const config = { ...kafkaConfigOf(configOf(world.cluster.addresses()), SILENT), ...sockets };
    const group = new StoppedGroup(config, APPLICATION_ID, clock);
    const topics = { companyState: TOPICS.companyState };
    const logs = new KafkaLogs({
      config,
      groupId: APPLICATION_ID,
      clock,
      topics,
      maxBatchBytes: MAX_BATCH_BYTES,
      onTrouble: (_, error) => world.trace('operator', reasonOf(error)),
    });
    const sources: PositionSources = {
      input: TOPICS.syncEvents,
      changelog: TOPICS.companyState,
      changelogPartitions: world.partitions,
      inputLogs: logs,
      changelogLogs: logs,
      clock,
      read: () => undefined,
    };
    try {
      await this.#whenAllHaveLeft(group);
      for (let partition = 0; partition < world.partitions; partition++) await this.#setOne(partition, sources, group);
    } finally {
      await Promise.all([logs.close(), group.close()]);
    }
  }

  async #whenAllHaveLeft(group: StoppedGroup): Promise<void> {
    const { clock } = this.#process;
    const until = steadyMs(clock) + MAX_ASKING_MS;
    while (steadyMs(clock) < until && (await group.members()).length > 0) await this.#process.clock.delay(ASK_AGAIN_MS);
  }

  async #setOne(partition: number, sources: PositionSources, group: StoppedGroup): Promise<void> {
    const [found] = await readPositions(sources, [partition], false);
    const [choice] = judgePositions(found!).choices;
    if (choice === undefined || !this.#isNeeded(found!)) return;
    const report = (line: string): void => this.world.trace('operator', line);
    const consent = (): Promise<boolean> => Promise.resolve(true);
    await setPositions(
      { ...sources, applicationId: APPLICATION_ID, group, report, consent },
      [partition],
      choice.target,
    );
    this.#note(found!, choice);
  }

  /** A partition that has consumed nothing runs. Only an instance may know that it had state. */
  #isNeeded(found: FoundPositions): boolean {
    return judgePositions(found).startsAt === null || this.world.losses.recreated === TOPICS.companyState;
  }

  #note({ partition, changelog }: FoundPositions, { target, startsAt }: Choice): void {
    const { losses } = this.world;
    if (target !== 'log-start') return;
    if (changelog === null) losses.beginsAgain(partition, startsAt);
    else losses.continues(partition, changelog.offset, startsAt);
  }
}
