/** What all parts of the simulated cluster share. */
import type { Broker } from './broker.js';
import type { Controller } from './controller.js';
import type { SimulatedTime } from './time.js';

export interface ClusterOptions {
  readonly time: SimulatedTime;
  /** A number in [0, 1), as Math.random gives it. */
  readonly random: () => number;
  /** How many brokers. Their ids begin at 1. */
  readonly brokers: number;
  /** How many replicas a partition has by default, and the partitions of the internal topics. */
  readonly replication: number;
  readonly delays?: Partial<Delays>;
  /** Settings of all brokers, as `DescribeConfigs` shows them. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Milliseconds. Each delay that the simulation waits is between nothing and this. */
export interface Delays {
  /** Until a broker begins with a request. */
  readonly request: number;
  /** Until the followers have fetched what the leader has appended. */
  readonly replication: number;
  /** Until a broker has learnt a change of the metadata. */
  readonly metadata: number;
  /** Until a coordinator sends the markers of a transaction. */
  readonly markers: number;
  /** How long the controller counts a silent broker as up. Not random. */
  readonly session: number;
  /** The pause between two searches for transactions that have timed out. Not random. */
  readonly expiry: number;
}

export const USUAL_DELAYS: Delays = {
  request: 1,
  replication: 2,
  metadata: 20,
  markers: 3,
  session: 9_000,
  expiry: 10_000,
};

export interface World {
  readonly time: SimulatedTime;
  readonly random: () => number;
  readonly delays: Delays;
  readonly settings: ReadonlyMap<string, string>;
  readonly controller: Controller;
  broker(id: number): Broker | undefined;
  /** Whether two brokers can talk to each other. */
  connects(one: Broker, other: Broker): boolean;
  /** Runs something after a random part of a delay. */
  soon(delay: keyof Delays, run: () => void): () => void;
}

export const MAX_TRANSACTION_TIMEOUT = 'transaction.max.timeout.ms';

export const BROKER_SETTINGS: Readonly<Record<string, string>> = {
  'auto.create.topics.enable': 'false',
  'group.initial.rebalance.delay.ms': '0',
  'group.max.session.timeout.ms': '1800000',
  'group.min.session.timeout.ms': '6000',
  'message.max.bytes': '1048588',
  'min.insync.replicas': '1',
  'offsets.retention.minutes': '10080',
  'unclean.leader.election.enable': 'false',
  [MAX_TRANSACTION_TIMEOUT]: '900000',
};
