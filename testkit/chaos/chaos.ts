/** One chaos run: load and faults, then healing, rest and audit. */
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { auditCluster } from '../audit/audit-cluster.js';
import type { AuditReport } from '../audit/audit-topics.js';
import { anomalyLines, summaryLine } from '../audit/report-lines.js';
import type { Cluster } from '../cluster/cluster.js';
import { keepFolder, removeWithParent } from '../cluster/end-with-parent.js';
import { pollUntil } from '../cluster/poll-until.js';
import { startOwnCluster } from '../cluster/start-cluster.js';
import { deploy, type Deployment } from '../deployment.js';
import { Processors } from '../processor.js';
import { SoakLoad } from '../soak/soak-load.js';
import { atRest } from './at-rest.js';
import { ChaosInstance } from './chaos-instance.js';
import { Nemesis } from './nemesis.js';
import { replayCommand, type ChaosOptions } from './options.js';
import { explained, tableOf } from './report.js';
import { BROKERS, planOf, type Plan } from './schedule.js';

const PARTITIONS = 6;
/** Records a second. */
const RATE = 200;
const PROGRESS_MS = 5_000;
const TICK_MS = 250;
const START_TIMEOUT_MS = 120_000;
const LOAD_TIMEOUT_MS = 120_000;
const ANOMALIES_SHOWN = 5;
/** The writer must not give up while a new leader is elected, or two replicas are behind. */
const INSISTENT = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 120 };

/** @returns whether everything was right */
export async function chaos(options: ChaosOptions, say: (line: string) => void): Promise<boolean> {
  const plan = planOf(options);
  const folder = mkdtempSync(join(tmpdir(), 'company-sync-chaos-'));
  removeWithParent(folder);
  const { instances, standbys, isOverlapping, faults } = plan;
  const order = isOverlapping ? 'overlapping' : 'one at a time';
  say(
    `seed ${options.seed}: instances: ${instances}, standbys: ${standbys}, faults planned: ${faults.length}, ${order}`,
  );
  const processors = new Processors();
  let cluster: Cluster | undefined;
  let isRight = false;
  try {
    const dir = join(folder, 'cluster');
    cluster = await startOwnCluster({ brokers: BROKERS, kafkaVersion: options.kafka, dir, onProgress: say });
    isRight = await new Run(cluster, await deploy(cluster, { partitions: PARTITIONS }), plan, processors, options, {
      folder,
      say,
    }).run();
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
    say(`FAILED. Replay it: ${replayCommand(options)}`);
    say(`logs and state: ${folder} (faults.log has the times of the faults)`);
  }
  return isRight;
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

class Run {
  readonly #kafka: Kafka;
  readonly #instances: readonly ChaosInstance[];
  readonly #nemesis: Nemesis;
  #progressAt = 0;

  constructor(
    cluster: Cluster,
    private readonly deployment: Deployment,
    plan: Plan,
    processors: Processors,
    private readonly options: ChaosOptions,
    private readonly output: Output,
  ) {
    const { folder } = output;
    const brokers = deployment.bootstrap.split(',');
    this.#kafka = new Kafka({ clientId: 'chaos', brokers, logLevel: logLevel.NOTHING, retry: INSISTENT });
    this.#instances = Array.from({ length: plan.instances }, (_, index) => {
      const name = `instance-${index + 1}`;
      return new ChaosInstance(name, deployment, processors, plan.standbys, folder);
    });
    const note = (line: string): void =>
      appendFileSync(join(folder, 'faults.log'), `${new Date().toISOString()} ${line}\n`);
    this.#nemesis = new Nemesis(plan, { cluster, instances: this.#instances }, note);
  }

  /** @returns whether the audit is clean */
  async run(): Promise<boolean> {
    for (const instance of this.#instances) instance.start();
    const ready = async () => {
      for (const instance of this.#instances) instance.mustRun();
      return (await Promise.all(this.#instances.map((instance) => instance.isReady()))).every(Boolean);
    };
    await pollUntil(ready, { awaited: 'every instance is ready', timeoutMs: START_TIMEOUT_MS });
    const { seed } = this.options;
    const load = await SoakLoad.start(this.#kafka, this.deployment, { rate: RATE, seed });
    await this.#break(load);
    this.output.say(`all faults are healed after ${load.records} records; waiting until nothing is left to do`);
    await within(LOAD_TIMEOUT_MS, load.stop(), 'the last records are written');
    await atRest(this.#kafka, this.deployment, this.#instances, (forWhat) =>
      this.#progress(`waiting until ${forWhat}`),
    );
    return this.#judge(load.records);
  }

  async #break(load: SoakLoad): Promise<void> {
    const beganAt = performance.now();
    let isHealed = false;
    const breaking = this.#nemesis.run().finally(() => (isHealed = true));
    breaking.catch(() => undefined); // Awaited below.
    const elapsed = () => (performance.now() - beganAt) / 1_000;
    try {
      while (elapsed() < this.options.seconds) {
        for (const instance of this.#instances) instance.mustRun();
        const up = this.#instances.filter(({ isUp }) => isUp).length;
        const figures = `${load.records} records, instances up: ${up} of ${this.#instances.length}`;
        this.#progress(`${elapsed().toFixed(0)} s: ${figures}; under way: ${this.#nemesis.underWay}`);
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
  }

  async #judge(records: number): Promise<boolean> {
    const { say } = this.output;
    const report: AuditReport = await auditCluster({ ...this.deployment, settingsInPlaceBefore: 0 });
    for (const anomaly of report.anomalies.slice(0, ANOMALIES_SHOWN)) anomalyLines(anomaly).forEach(say);
    say(summaryLine(report));
    const instances = this.#instances.length;
    tableOf(this.options, { begun: this.#nemesis.begun, instances, records, report }).forEach(say);
    return report.anomalies.length === 0;
  }

  /** Says it, if the last line is old enough. */
  #progress(line: string): void {
    const now = performance.now();
    if (now - this.#progressAt < PROGRESS_MS) return;
    this.#progressAt = now;
    this.output.say(line);
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
