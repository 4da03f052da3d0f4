/** A steady load with churn on a real broker: what grows in an instance that stays, and is every announcement right? */
import { setTimeout as delay } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { KafkaLogs } from '../../src/kafka/reading/kafka-logs.js';
import { systemClock } from '../../src/lib/system-clock.js';
import { auditCluster } from '../audit/audit-cluster.js';
import { anomalyLines, summaryLine } from '../audit/report-lines.js';
import { pollUntil } from '../cluster/poll-until.js';
import { startCluster } from '../cluster/start-cluster.js';
import { deploy, type Deployment } from '../deployment.js';
import { Processors } from '../processor.js';
import { SeededRandom } from '../seeded-random.js';
import { Churn } from './churn.js';
import { judge, type Sample } from './flatness.js';
import { ObservedInstance } from './observed-instance.js';
import type { SteadyOptions } from './options.js';
import { figuresLine, verdictLines } from './report.js';
import { SoakLoad } from './soak-load.js';

const PARTITIONS = 4;
const MINUTE_MS = 60_000;
const PRINTED_EVERY_MS = MINUTE_MS;
/** A longer run has longer intervals: the trend looks at all pairs of samples. */
const LEAST_INTERVAL_MS = 2_000;
const MOST_SAMPLES = 600;
const CATCH_UP_MS = 120_000;
const ANOMALIES_SHOWN = 5;

/** @returns whether everything stayed flat, and the audit is clean */
export async function soak(options: SteadyOptions, say: (line: string) => void): Promise<boolean> {
  const cluster = await startCluster({ onProgress: say });
  const processors = new Processors();
  try {
    const deployment = await deploy(cluster, { partitions: PARTITIONS });
    const kafka = new Kafka({ clientId: 'soak', brokers: cluster.bootstrap.split(','), logLevel: logLevel.ERROR });
    return await new Soak(deployment, kafka, processors, options, say).run();
  } finally {
    await processors.endAll();
    await cluster.stop();
  }
}

class Soak {
  readonly #samples: Sample[] = [];
  /** The instance that stays for the whole run. Its figures are judged. */
  readonly #observed: ObservedInstance;
  readonly #churn: Churn;
  readonly #logs: KafkaLogs;

  constructor(
    private readonly deployment: Deployment,
    private readonly kafka: Kafka,
    processors: Processors,
    private readonly options: SteadyOptions,
    private readonly say: (line: string) => void,
  ) {
    this.#observed = new ObservedInstance('observed', deployment, processors);
    const others = ['b', 'c'].map((name) => new ObservedInstance(name, deployment, processors));
    this.#churn = new Churn(others, new SeededRandom(options.seed));
    this.#logs = new KafkaLogs({
      config: { brokers: deployment.bootstrap.split(','), clientId: 'soak', logLevel: logLevel.ERROR },
      groupId: deployment.applicationId,
      clock: systemClock,
      onTrouble: ({ topic, partition }, error) => say(`${topic}/${partition}: ${error.message}`),
    });
  }

  async run(): Promise<boolean> {
    const { minutes, rate, everySeconds, warmUpMinutes, seed } = this.options;
    this.say(`${minutes} minutes, ${rate} records/s, an order every ${everySeconds} s, seed ${seed}`);
    await this.#observed.start();
    await this.#churn.allUp();
    const load = await SoakLoad.start(this.kafka, this.deployment, { rate, seed });
    const end = new AbortController();
    const churning = this.#churn.run(everySeconds * 1_000, end.signal);
    churning.catch(() => end.abort());
    try {
      await this.#sampleUntil(minutes * MINUTE_MS, load, end.signal);
    } finally {
      end.abort();
      await load.stop();
    }
    await churning.catch((cause: unknown) => {
      throw new Error(`after ${this.#churn.lastOrders}: ${(cause as Error).message}`, { cause });
    });
    await this.#churn.allUp();
    await this.#consumed();
    const isFlat = this.#judge(warmUpMinutes * MINUTE_MS);
    return (await this.#audit()) && isFlat;
  }

  async #sampleUntil(durationMs: number, load: SoakLoad, signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    const intervalMs = Math.max(LEAST_INTERVAL_MS, durationMs / MOST_SAMPLES);
    let printedAt = startedAt;
    for (;;) {
      const now = performance.now();
      if (now - startedAt >= durationMs || signal.aborted) return;
      this.#observed.mustRun();
      const sample = await this.#sample(now - startedAt, load);
      this.#samples.push(sample);
      if (now - printedAt >= PRINTED_EVERY_MS) {
        printedAt = now;
        this.say(figuresLine(sample));
      }
      await delay(intervalMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #sample(atMs: number, load: SoakLoad): Promise<Sample> {
    const observed = this.#observed;
    const changelog = await Promise.all(
      this.#partitionsOf(this.deployment.topics.state).map((partition) => this.#logs.bytesOf(partition)),
    );
    return {
      atMs,
      records: load.records,
      orders: this.#churn.orders,
      figures: {
        'resident memory': observed.residentBytes,
        'heap after a collection': observed.heapAfterCollection,
        descriptors: observed.descriptors,
        threads: observed.threads,
        STATE_DIR: observed.stateBytes,
        changelog: changelog.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0),
        'own log': observed.logBytes,
      },
    };
  }

  async #consumed(): Promise<void> {
    const isConsumed = async (): Promise<boolean> => {
      this.#observed.mustRun();
      const ends = this.#partitionsOf(this.deployment.topics.events).map(async (partition) => {
        const { end } = await this.#logs.bounds(partition);
        return end === 0 || ((await this.#logs.committedOffset(partition))?.offset ?? 0) >= end;
      });
      return (await Promise.all(ends)).every((done) => done);
    };
    await pollUntil(isConsumed, { awaited: 'the group has consumed the input', timeoutMs: CATCH_UP_MS });
  }

  #judge(warmUpMs: number): boolean {
    const verdicts = judge(this.#samples, warmUpMs);
    for (const line of verdictLines(verdicts)) this.say(line);
    return verdicts.every(({ isFlat }) => isFlat);
  }

  async #audit(): Promise<boolean> {
    const report = await auditCluster({ ...this.deployment, settingsInPlaceBefore: 0 });
    for (const anomaly of report.anomalies.slice(0, ANOMALIES_SHOWN))
      for (const line of anomalyLines(anomaly)) this.say(line);
    this.say(summaryLine(report));
    await this.#logs.close();
    return report.anomalies.length === 0;
  }

  #partitionsOf(topic: string): { topic: string; partition: number }[] {
    return Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }));
  }
}
