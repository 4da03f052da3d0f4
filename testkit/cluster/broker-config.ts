import { join } from 'node:path';
import type { Profile } from './cluster.js';

/** The addresses of one broker, as host:port. */
export interface BrokerAddresses {
  readonly client: string;
  readonly controller: string;
  /** Only for the other brokers. Without it they use the address for clients. */
  readonly peers?: string;
}

export interface BrokerConfigInput {
  /** From 1 on: the index in `addresses` plus one. */
  readonly id: number;
  /** The addresses of all brokers. */
  readonly addresses: readonly BrokerAddresses[];
  readonly dir: string;
  readonly profile: Profile;
  readonly overrides: Readonly<Record<string, string>>;
}

/**
 * The replication settings for a number of brokers: every internal topic is on all brokers, and can be written while
 * one broker is down.
 */
export function replicationSettings(brokers: number): Record<string, string> {
  const factor = String(brokers);
  const minIsr = String(Math.max(1, brokers - 1));
  return {
    'default.replication.factor': factor,
    'min.insync.replicas': minIsr,
    'offsets.topic.replication.factor': factor,
    'transaction.state.log.replication.factor': factor,
    'transaction.state.log.min.isr': minIsr,
    'share.coordinator.state.topic.replication.factor': factor,
    'share.coordinator.state.topic.min.isr': minIsr,
  };
}

/** Settings that do not depend on the address of the broker. Docker and jars share them. */
export function commonSettings(brokers: number, profile: Profile): Record<string, string> {
  return {
    'auto.create.topics.enable': 'false',
    'group.initial.rebalance.delay.ms': '0',
    // Few, because each is opened and replicated at the start. More than one, because clients must work with several.
    'offsets.topic.num.partitions': '5',
    'transaction.state.log.num.partitions': '5',
    ...replicationSettings(brokers),
    ...(profile === 'test' ? testSettings : {}),
  };
}

const testSettings = {
  // By default the log cleaner takes 128 MiB of each heap for its map. Test topics have few keys.
  'log.cleaner.dedupe.buffer.size': String(8 * 1024 * 1024),
  // A killed broker can come back only after its old session has ended: by default after 9 s.
  'broker.session.timeout.ms': '4000',
  'broker.heartbeat.interval.ms': '500',
};

/** server.properties of one broker, which is also a controller. */
export function serverProperties(input: BrokerConfigInput): string {
  const { id, addresses, dir, profile, overrides } = input;
  const own = addresses[id - 1];
  if (own === undefined) throw new RangeError(`no addresses for broker ${id}`);
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': String(id),
    'controller.quorum.voters': addresses.map(({ controller }, index) => `${index + 1}@${controller}`).join(','),
    'controller.listener.names': 'CONTROLLER',
    ...listenerSettings(own),
    'log.dirs': join(dir, 'data'),
    ...commonSettings(addresses.length, profile),
    ...overrides,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

function listenerSettings({ client, controller, peers }: BrokerAddresses): Record<string, string> {
  const forPeers = peers === undefined ? [] : [`PEERS://${peers}`];
  const names = ['PLAINTEXT', 'PEERS', 'CONTROLLER'];
  return {
    listeners: [`PLAINTEXT://${client}`, ...forPeers, `CONTROLLER://${controller}`].join(','),
    'advertised.listeners': [`PLAINTEXT://${client}`, ...forPeers].join(','),
    'inter.broker.listener.name': peers === undefined ? 'PLAINTEXT' : 'PEERS',
    'listener.security.protocol.map': names.map((name) => `${name}:PLAINTEXT`).join(','),
  };
}

/** Writes warnings and errors to one file in `dir`. */
export function log4jConfig(dir: string): string {
  return `Configuration:
  Properties: {}
  Appenders:
    File:
      name: File
      fileName: '${join(dir, 'server.log')}'
      PatternLayout: { pattern: '[%d] %p %m (%c)%n' }
  Loggers:
    Root:
      level: WARN
      AppenderRef: { ref: File }
`;
}
