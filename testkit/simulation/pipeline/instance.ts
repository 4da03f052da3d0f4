/** An instance of the processor: its disk, and the process that runs on it now, with the real pipeline. */
import type { PipelineContext } from '../../../src/pipeline/context.js';
import { KnownState } from '../../../src/pipeline/known-state.js';
import type { PipelineObserver } from '../../../src/pipeline/observer.js';
import { PartitionSet } from '../../../src/pipeline/partition-set.js';
import { StandbySet } from '../../../src/pipeline/standby-set.js';
import { StatePositions } from '../../../src/pipeline/state-positions.js';
import { reasonOf } from '../../../src/lib/reason-of.js';
import { DAY_MS, HOUR_MS } from '../../../src/lib/time-units.js';
import { deadLetterOf } from '../../../src/publish/dead-letter.js';
import { stalledRecordOf } from '../../../src/publish/company-sync-stalled.js';
import { ExclusiveStateDirectory } from '../../../src/store/exclusive-state-directory.js';
import type { Policy } from '../../../src/domain/policy.js';
import { ANNOUNCEMENTS, decoderOf, FAILURES, STALLED } from './codecs.js';
import { MemoryDisk, MemoryStateDirectory } from './memory-disk.js';
import { modelLogs } from './model-logs.js';
import { modelTransactions } from './model-producer.js';
import { SimulatedProcess } from './process.js';
import { ALL_DATASETS_FROM, APPLICATION_ID, PARTITION, TOPICS, type World } from './world.js';

interface Running {
  readonly process: SimulatedProcess;
  readonly partitions: PartitionSet;
  readonly standbys: StandbySet;
}

export class Instance {
  readonly disk = new MemoryDisk();
  #running: Running | null = null;
  #starts = 0;

  /** @param policyOf the clients' own choices */
  constructor(
    private readonly world: World,
    readonly name: string,
    private readonly keepsStandby: boolean,
    private readonly policyOf: (clientId: string) => Policy | undefined,
    private readonly commitIntervalMs: number,
  ) {}

  get process(): SimulatedProcess | null {
    return this.#running?.process ?? null;
  }

  /** In words: the state of the partition here, and why. */
  get status(): string {
    const status = this.#running?.partitions.statuses().get(PARTITION);
    return status === undefined ? 'not running' : [status.state, status.reason].join(' ');
  }

  get isRunning(): boolean {
    return this.#running?.partitions.statuses().get(PARTITION)?.state === 'running';
  }

  start(): void {
    const process = new SimulatedProcess(this.world, `${this.name}.${++this.#starts}`);
    const context = this.#contextOf(process);
    this.#running = { process, partitions: new PartitionSet(context), standbys: new StandbySet(context) };
    this.world.trace(process.name, 'starts');
  }

  /** Takes what the group says now. */
  rebalanced(): void {
    const isOwner = this.world.group.owner === this;
    this.#running?.standbys.assign(isOwner || !this.keepsStandby ? [] : [PARTITION]);
    this.#running?.partitions.assign(isOwner ? [PARTITION] : []);
  }

  kill(): void {
    this.#running?.process.kill();
    this.#running = null;
    this.world.trace(this.name, 'is killed');
  }

  /** Finishes the work in progress, as after SIGTERM. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === null) return;
    this.world.trace(this.name, 'stops');
    await Promise.all([running.partitions.close(), running.standbys.close()]);
    if (this.#running === running) this.#running = null;
    running.process.kill();
  }

  #contextOf(process: SimulatedProcess): PipelineContext {
    const { world } = this;
    const logs = modelLogs(process);
    const brake = decoderOf(process);
    return {
      applicationId: APPLICATION_ID,
      clusterId: 'simulated cluster',
      kafkaCommand: (tool, args) => `${tool} ${args}`,
      topics: TOPICS,
      decidingSettings: new Map([['EVENT_NAMESPACE', APPLICATION_ID]]),
      allDatasetsFrom: ALL_DATASETS_FROM,
      mayBeFirstStart: false,
      mayChangeSettings: false,
      endProcess: (error) => world.violated(`the process ends: ${reasonOf(error)}`),
      stalledAfterMs: 60 * HOUR_MS,
      commitIntervalMs: this.commitIntervalMs,
      deleteRetentionMs: 7 * DAY_MS,
      cacheBytes: () => 20_000,
      loadBytes: () => 1_000_000,
      inputLogs: logs,
      changelogLogs: logs,
      transactions: modelTransactions(process, this.disk),
      membership: {
        start: () => Promise.resolve(),
        stop: () => Promise.resolve(),
        confirmed: (signal) => world.group.confirmed(this, process, signal),
      },
      partitioner: {
        partitionFor: () => PARTITION,
        targets: () => ({ partitions: [PARTITION], isExclusive: true }),
      },
      state: new ExclusiveStateDirectory(new MemoryStateDirectory(process, () => this.disk)),
      statePositions: new StatePositions(),
      known: new KnownState(null),
      clock: process.clock,
      observer: this.#observerOf(process),
      decode: (records, partition) => brake.begin(records, `partition ${partition}`),
      settings: { ready: () => Promise.resolve(), policyOf: this.policyOf },
      encodeAnnouncement: (...announced) => ANNOUNCEMENTS.recordOf(...announced),
      encodeDeadLetter: (badRecord, input) => deadLetterOf(badRecord.record, badRecord, input),
      encodeStall: (stall) => stalledRecordOf(stall, STALLED),
      failureId: (failure) => FAILURES.idOf(failure),
      encodeFailure: (...reported) => FAILURES.recordOf(...reported),
    };
  }

  /** Every report of the pipeline is a line of the trace. */
  #observerOf({ name }: SimulatedProcess): PipelineObserver {
    const { world } = this;
    const told = {
      error: (_: number, error: unknown) => world.failed(name, error),
      standbyError: (_: number, error: unknown) => world.failed(name, error),
      state: (_: number, status: { state: string; reason: string | null }) =>
        world.trace(name, `state ${status.state} ${status.reason ?? ''}`),
      setAside: (_: number, why: string) => world.trace(name, `set aside: ${why}`),
      announced: (_: number, { companyId }: { companyId: string }) => world.trace(name, `announced ${companyId}`),
      syncFailed: (_: number, { companyId, attempt }: { companyId: string; attempt: number }) =>
        world.trace(name, `failed ${companyId}, attempt ${attempt}`),
      leftOpen: (_: number, outcome: string) => world.trace(name, `ends an open transaction again: ${outcome}`),
    };
    const silent = () => undefined;
    return new Proxy(told, {
      get: (target, report: string) => target[report as keyof typeof told] ?? silent,
    }) as unknown as PipelineObserver;
  }
}
