/**
 * The interface of tests, demo and benches to a running Kafka and schema registry. It is the same for given addresses,
 * Docker and jars (see start-cluster.ts).
 */

/** One process of the cluster. Every method resolves only once the process itself shows that the state is reached. */
export interface ClusterNode {
  readonly name: string;
  /** The id of its process on this machine; undefined if it is down, or runs in a container. */
  readonly pid?: number | undefined;
  /** Orderly shutdown (SIGTERM). Resolves when the process has ended. Does nothing if it is down already. */
  stop(): Promise<void>;
  /** kill -9; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data; resolves when it answers its protocol. */
  start(): Promise<void>;
  /** Freezes it: connections stay open, nothing answers (SIGSTOP, or `docker pause`). */
  pause(): Promise<void>;
  /** Undoes `pause`. */
  resume(): Promise<void>;
  /** The last lines of its logs, for error messages. */
  logTail(): Promise<string>;
}

export interface Broker extends ClusterNode {
  /** The broker's node id, from 1 on, as clients see it in metadata. */
  readonly id: number;
  /** host:port */
  readonly address: string;
}

export interface Registry extends ClusterNode {
  /** Root of the Confluent-compatible API. Schemas and their ids survive stop, kill and start. */
  readonly url: string;
}

export interface Cluster {
  /** How the cluster was started. `given` clusters have no handles. */
  readonly kind: 'given' | 'docker' | 'jars';
  /** Addresses of all brokers, comma-separated. */
  readonly bootstrap: string;
  /** Root of the registry's Confluent-compatible API, without a slash at the end; empty without a registry. */
  readonly registryUrl: string;
  /** In the order of node ids; empty if the cluster was given by address. */
  readonly brokers: readonly Broker[];
  /** Undefined if the cluster was given by address or started without a registry. */
  readonly registry: Registry | undefined;
  /** Where the command-line tools of this cluster run, for currentCluster() in a test process. */
  readonly toolHost: ToolHost;
  /**
   * Runs one of Kafka's own command-line tools against this cluster. The first argument is `--bootstrap-server`; `args`
   * follow. Resolves to the standard output. If the tool exits with another code than 0, rejects with all its output.
   */
  readonly kafkaTool: (mainClass: string, args: readonly string[]) => Promise<string>;
  /**
   * Ends all processes with kill -9, because their data is not needed any more. Removes the folder, unless the caller
   * named it.
   */
  stop(): Promise<void>;
}

/** Where Kafka's command-line tools run: on this machine from jars, or inside a broker's container. */
export type ToolHost = { kind: 'jars' } | { kind: 'container'; id: string; bootstrap: string };

/** `test` starts fast and uses little memory; `bench` runs the brokers as Kafka's own start script does. */
export type Profile = 'test' | 'bench';

export interface ClusterOptions {
  /** The number of brokers, which are also controllers: 1 (the default) or 3. */
  readonly brokers?: number;
  /** The release of Kafka; KAFKA_VERSION by default. */
  readonly kafkaVersion?: string;
  /** Whether to start a schema registry too; true by default. */
  readonly registry?: boolean;
  /**
   * The folder for data and logs, which is kept. Without it, the cluster uses a temporary folder and removes it at
   * `stop`.
   */
  readonly dir?: string;
  /** Broker settings that override those of broker-config.ts. */
  readonly brokerConfig?: Readonly<Record<string, string>>;
  readonly profile?: Profile;
  /** Called with one line about each step: downloads take some time at the first start. */
  readonly onProgress?: (line: string) => void;
}
