/** One chaos run: load and faults, then healing, rest and audit. */
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { auditCluster } from '../audit/audit-cluster.js';
import type { AuditReport } from '../audit/audit-topics.js';
import { anomalyLines, summaryLine } from '../audit/report-lines.js';
import { readTopics } from '../audit/read-topics.js';
import type { Cluster } from '../cluster/cluster.js';
import { keepFolder, removeWithParent } from '../cluster/end-with-parent.js';
import { pollUntil } from '../cluster/poll-until.js';
import { deploy, type Deployment } from '../deployment.js';
import { Processors } from '../processor.js';
import { SoakLoad } from '../soak/soak-load.js';
import { atRest } from './at-rest.js';
import { impossibleHere, startChaosCluster, type ChaosCluster } from './chaos-cluster.js';
import { ChaosInstance } from './chaos-instance.js';
import { longestPauseMs } from './longest-pause.js';
import { Nemesis } from './nemesis.js';
import { replayCommand, type ChaosOptions } from './options.js';
import { explained, failedRow, figureLines, rowOf, type Result } from './report.js';
import { planOf, type FaultKind, type Plan } from './schedule.js';

const PARTITIONS = 6;
/** Records a second. */
const RATE = 200;
const PROGRESS_MS = 5_000;
const TICK_MS = 250;
const COUNT_MS = 1_000;
const START_TIMEOUT_MS = 120_000;
const LOAD_TIMEOUT_MS = 120_000;
const ANOMALIES_SHOWN = 5;
/** The writer must not give up while a new leader is elected, or two replicas are behind. */
const INSISTENT = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 120 };

export interface Outcome {
  /** Whether the run had a result, and the audit found nothing. */
  readonly isRight: boolean;
  /** Of the table of runs. */
  readonly row: string;
}

export async function chaos(options: ChaosOptions, say: (line: string) => void): Promise<Outcome> {
  const plan = planOf(options);
  const folder = mkdtempSync(join(tmpdir(), 'company-sync-chaos-'));
  removeWithParent(folder);
  const { instances, standbys, isOverlapping, faults } = plan;
  const order = isOverlapping ? 'overlapping' : 'one at a time';
  say(
    `seed ${options.seed}: instances: ${instances}, standbys: ${standbys}, faults planned: ${faults.length}, ${order}`,
  );
  const impossible = impossibleHere();
  for (const [kind, why] of impossible) say(`left out: ${kind}, because ${why}`);
  const processors = new Processors();
  let cluster: ChaosCluster | undefined;
  let result: Result | undefined;
  let isRight = false;
  try {
    if (options.kinds.every((kind) => impossible.has(kind))) throw new Error('none of these faults is possible here');
    const dir = join(folder, 'cluster');
    cluster = await startChaosCluster({ kafkaVersion: options.kafka, dir, onProgress: say }, impossible);
    const deployment = await deploy(cluster, { partitions: PARTITIONS });
    const output = { folder, say };
    result = await new Run({ cluster, deployment, plan, processors, impossible, options, output }).run();
    isRight = result.report.anomalies.length === 0;
  } catch (error) {
    say(explained(error));
  } finally {
    await processors.endAll();
    if (!isRight && cluster !== undefined) await keepLogTails(cluster, folder);
    await cluster?.stop();
  }
  if (isRight) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  else {
    keepFolder(folder);
    say(`FAILED. Logs and state: ${folder} (faults.log has the times of the faults)`);
  }
  say(`replay it: ${replayCommand(options)}`);
  return { isRight, row: result === undefined ? failedRow(options) : rowOf(options, result) };
}

/** Brokers in containers have no log in the folder. */
async function keepLogTails({ brokers, registry }: Cluster, folder: string): Promise<void> {
  for (const node of registry === undefined ? brokers : [...brokers, registry])
    writeFileSync(join(folder, `${node.name.replace(' ', '-')}.tail`), await node.logTail().catch(explained));
}

interface Output {
  readonly folder: string;
  readonly say: (line: string) => void;
}

interface RunParts {
  readonly cluster: ChaosCluster;
  readonly deployment: Deployment;
  readonly plan: Plan;
  readonly processors: Processors;
  /** Faults of these kinds are left out. */
  readonly impossible: ReadonlyMap<FaultKind, string>;
  readonly options: ChaosOptions;
  readonly output: Output;
}

class Run {
  readonly #deployment: Deployment;
  readonly #options: ChaosOptions;
  readonly #output: Output;
  readonly #kafka: Kafka;
  readonly #instances: readonly ChaosInstance[];
  readonly #nemesis: Nemesis;
  #progressAt = 0;
  #countedAt = 0;
  #loadBeganAt = 0;

  constructor({ cluster, deployment, plan, processors, impossible, options, output }: RunParts) {
    this.#deployment = deployment;
    this.#options = options;
    this.#output = output;
    const { folder } = output;
    const { applicationId } = deployment;
    const brokers = deployment.bootstrap.split(',');
    this.#kafka = new Kafka({ clientId: 'chaos', brokers, logLevel: logLevel.NOTHING, retry: INSISTENT });
    this.#instances = Array.from({ length: plan.instances }, (_, index) => {
      const name = `instance-${index + 1}`;
      return new ChaosInstance(name, deployment, processors, plan.standbys, folder);
    });
    const note = (line: string): void =>
      appendFileSync(join(folder, 'faults.log'), `${new Date().toISOString()} ${line}\n`);
    const [kafka, instances] = [this.#kafka, this.#instances];
    this.#nemesis = new Nemesis(plan, { cluster, instances, kafka, applicationId, impossible }, note);
  }

  async run(): Promise<Result> {
    for (const instance of this.#instances) instance.start();
    const ready = async () => {
      for (const instance of this.#instances) instance.mustRun();
      return (await Promise.all(this.#instances.map((instance) => instance.isReady()))).every(Boolean);
    };
    await pollUntil(ready, { awaited: 'every instance is ready', timeoutMs: START_TIMEOUT_MS });
    const { seed } = this.#options;
    this.#loadBeganAt = Date.now();
    const load = await SoakLoad.start(this.#kafka, this.#deployment, { rate: RATE, seed });
    const seconds = await this.#break(load);
    this.#output.say(`all faults are healed after ${load.records} records; waiting until nothing is left to do`);
    await within(LOAD_TIMEOUT_MS, load.stop(), 'the last records are written');
    await atRest(this.#kafka, this.#deployment, this.#instances, (forWhat) =>
      this.#progress(`waiting until ${forWhat}`),
    );
    return this.#judge(seconds, load.records);
  }

  /** @returns for how many seconds faults could begin */
  async #break(load: SoakLoad): Promise<number> {
    const beganAt = performance.now();
    let isHealed = false;
    const breaking = this.#nemesis.run().finally(() => (isHealed = true));
    breaking.catch(() => undefined); // Awaited below.
    const elapsed = () => (performance.now() - beganAt) / 1_000;
    let seconds = 0;
    try {
      while ((seconds = elapsed()) < this.#options.seconds) {
        for (const instance of this.#instances) instance.mustRun();
        const up = this.#instances.filter(({ isUp }) => isUp).length;
        const figures = `${load.records} records, instances up: ${up} of ${this.#instances.length}`;
        this.#progress(`${seconds.toFixed(0)} s: ${figures}; under way: ${this.#nemesis.underWay}`);
        this.#count();
        await delay(TICK_MS);
      }
    } finally {
      this.#nemesis.end();
      while (!isHealed) {
        this.#progress(`healing: ${this.#nemesis.underWay}`);
        await delay(TICK_MS);
      }
    }
    await breaking;
    return seconds;
  }

  async #judge(seconds: number, records: number): Promise<Result> {
    const { say } = this.#output;
    await Promise.all(this.#instances.map((instance) => instance.countTransactions()));
    const report: AuditReport = await auditCluster({ ...this.#deployment, settingsInPlaceBefore: 0 });
    for (const anomaly of report.anomalies.slice(0, ANOMALIES_SHOWN)) anomalyLines(anomaly).forEach(say);
    say(summaryLine(report));
    const [announcements] = await readTopics(this.#kafka, [this.#deployment.topics.synchronized]);
    const sum = (figure: 'transactions' | 'takeOvers') =>
      this.#instances.reduce((total, { figures }) => total + figures[figure], 0);
    const result = {
      begun: this.#nemesis.begun,
      instances: this.#instances.length,
      seconds,
      records,
      transactions: sum('transactions'),
      takeOvers: sum('takeOvers'),
      longestPauseMs: longestPauseMs(announcements ?? { records: [] }, this.#loadBeganAt),
      report,
    };
    figureLines(result).forEach(say);
    return result;
  }

  /** Begins to ask all instances, if the last answers are old enough. */
  #count(): void {
    const now = performance.now();
    if (now - this.#countedAt < COUNT_MS) return;
    this.#countedAt = now;
    for (const instance of this.#instances) void instance.countTransactions();
  }

  /** Says it, if the last line is old enough. */
  #progress(line: string): void {
    const now = performance.now();
    if (now - this.#progressAt < PROGRESS_MS) return;
    this.#progressAt = now;
    this.#output.say(line);
  }
}

async function within<T>(timeoutMs: number, result: Promise<T>, awaited: string): Promise<T> {
  const timer = new AbortController();
  const late = delay(timeoutMs, undefined, { signal: timer.signal }).then((): never => {
    throw new Error(`timed out after ${timeoutMs / 1_000} s: ${awaited}`);
  });
  late.catch(() => undefined); // Aborted below.
  return Promise.race([result, late]).finally(() => timer.abort());
}
