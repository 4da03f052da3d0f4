/**
 * What tests, demo and benches see of a running Kafka and schema registry, whichever way they were started
 * (given addresses, Docker, or jars; see start-cluster.ts).
 */

/** One process of the cluster. Every method resolves only once the state is reached, by asking the process itself. */
export interface ClusterNode {
  readonly name: string;
  /** Orderly shutdown (SIGTERM); resolves when the process has ended. Does nothing when it is down already. */
  stop(): Promise<void>;
  /** kill -9; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data; resolves when it answers its protocol. */
  start(): Promise<void>;
  /** Freezes it: connections stay open, nothing answers (SIGSTOP, or `docker pause`). */
  pause(): Promise<void>;
  /** Undoes `pause`. */
  resume(): Promise<void>;
  /** The last lines of its logs, for messages. */
  logTail(): Promise<string>;
}

export interface Broker extends ClusterNode {
  /** The broker's node id, 1 and up, as clients see it in metadata. */
  readonly id: number;
  /** host:port */
  readonly address: string;
}

export interface Registry extends ClusterNode {
  /** Root of the Confluent-compatible API. Schemas and their ids survive stop, kill and start. */
  readonly url: string;
}

export interface Cluster {
  /** How it came to be; `given` clusters have no handles. */
  readonly kind: 'given' | 'docker' | 'jars';
  /** Addresses of all brokers, comma-separated. */
  readonly bootstrap: string;
  /** Root of the registry's Confluent-compatible API, without a slash at the end; empty without a registry. */
  readonly registryUrl: string;
  /** In order of node id; empty where the cluster was given by address. */
  readonly brokers: readonly Broker[];
  /** Undefined where the cluster was given by address or started without a registry. */
  readonly registry: Registry | undefined;
  /** How currentCluster() in a test process reaches the command-line tools of this cluster. */
  readonly toolHost: ToolHost;
  /**
   * Runs one of Kafka's own command-line tools against this cluster: `--bootstrap-server` is passed first, then
   * `args`. Resolves to its standard output; rejects with all of its output when it exits non-zero.
   */
  readonly kafkaTool: (mainClass: string, args: readonly string[]) => Promise<string>;
  /** Ends all processes (kill -9: their data goes anyway) and removes the folder, unless the caller named one. */
  stop(): Promise<void>;
}

/** Where Kafka's command-line tools run: on this machine from jars, or inside a broker's container. */
export type ToolHost = { kind: 'jars' } | { kind: 'container'; id: string; bootstrap: string };

/** `test` starts fast and stays small; `bench` runs the brokers as Kafka's own start script does. */
export type Profile = 'test' | 'bench';

export interface ClusterOptions {
  /** How many brokers, each a controller too: 1 (the default) or 3. */
  readonly brokers?: number;
  /** Whether a schema registry runs beside them; true by default. */
  readonly registry?: boolean;
  /** Folder for data and logs; it is kept. Without it: a temporary one, removed on stop. */
  readonly dir?: string;
  /** Broker settings over the defaults of broker-config.ts. */
  readonly brokerConfig?: Readonly<Record<string, string>>;
  readonly profile?: Profile;
  /** Told what is going on, a line at a time: downloads take a while the first time. */
  readonly onProgress?: (line: string) => void;
}
