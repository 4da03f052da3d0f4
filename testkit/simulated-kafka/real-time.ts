/** The simulated cluster in real time, for clients with real timers. */
import { Kafka, logLevel, type KafkaConfig } from 'kafkajs';
import { SimulatedCluster, socketFactoryFor, type ClusterOptions, type SimulatedTime } from './index.js';
import { pollUntil } from '../cluster/poll-until.js';
import { SeededRandom } from '../seeded-random.js';

/** `stop` ends all its timers, and later ones never run: a test leaves none behind. */
class RealTime implements SimulatedTime {
  readonly #timers = new Set<NodeJS.Timeout>();
  #isStopped = false;

  now(): number {
    return Date.now();
  }

  after(ms: number, run: () => void): () => void {
    if (this.#isStopped) return () => undefined;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    this.#timers.add(timer);
    return () => {
      clearTimeout(timer);
      this.#timers.delete(timer);
    };
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}

export interface RealTimeCluster {
  readonly cluster: SimulatedCluster;
  readonly time: SimulatedTime;
  /** For the classes of `src`, and for kafkajs. */
  readonly config: KafkaConfig;
  readonly kafka: Kafka;
  stop(): void;
}

export function startCluster(options: Partial<ClusterOptions> = {}): RealTimeCluster {
  const time = new RealTime();
  const random = new SeededRandom(1);
  const cluster = new SimulatedCluster({ time, random: () => random.next(), brokers: 3, replication: 3, ...options });
  const config = {
    brokers: cluster.addresses(),
    logLevel: logLevel.NOTHING,
    socketFactory: socketFactoryFor(cluster, time) as unknown as NonNullable<KafkaConfig['socketFactory']>,
    retry: { initialRetryTime: 20, retries: 8 },
  };
  return { cluster, time, config, kafka: new Kafka(config), stop: () => time.stop() };
}

const PATIENCE_MS = 20_000;
const INTERVAL_MS = 20;

/** Waits for a state of the cluster. A rejection counts as not yet. */
export function until(awaited: string, probe: () => boolean | Promise<boolean>): Promise<void> {
  const options = { awaited, timeoutMs: PATIENCE_MS, intervalMs: INTERVAL_MS };
  return pollUntil(() => Promise.resolve().then(probe), options);
}
