/**
 * The requests of `run`, and their versions.
 *
 * Our own code sends each request in one fixed version. kafkajs chooses among the versions that it knows. If a broker
 * does not support a version, it would refuse a request in the middle of the work, and the message would not name the
 * broker. So at the start `run` asks each broker which versions it supports (ApiVersions).
 */
import { noAnswerIfOutage } from '../../lib/own-fault.js';
import { settleAll } from '../../lib/settle-all.js';
import type { Clock } from '../../lib/clock.js';
import { AnyBroker } from './any-broker.js';
import { BrokerConnections } from './broker-connections.js';
import type { ConnectedBroker } from '../protocol/protocol-call.js';
import type { KafkaConfig } from './cluster.js';
import { brokersKnownTo } from '../protocol/metadata-protocol.js';
import { noAnswer } from '../protocol/protocol-errors.js';

export interface RequiredVersion {
  readonly apiKey: number;
  readonly name: string;
  /** The versions that can be used. */
  readonly versions: { readonly min: number; readonly max: number };
  /** The first release of Kafka that has the lowest of these versions. */
  readonly since: string;
}

function inOneVersion(apiKey: number, name: string, version: number, since: string): RequiredVersion {
  return { apiKey, name, versions: { min: version, max: version }, since };
}

function ofKafkajs(apiKey: number, name: string, max: number): RequiredVersion {
  return { apiKey, name, versions: { min: 0, max }, since: '0.11' };
}

export const REQUIRED_VERSIONS: readonly RequiredVersion[] = [
  inOneVersion(0, 'Produce', 7, '2.1'),
  inOneVersion(1, 'Fetch', 10, '2.1'),
  inOneVersion(2, 'ListOffsets', 4, '2.1'),
  inOneVersion(3, 'Metadata', 7, '2.1'),
  inOneVersion(9, 'OffsetFetch', 5, '2.1'),
  inOneVersion(9, 'OffsetFetch', 7, '2.5'),
  inOneVersion(10, 'FindCoordinator', 1, '0.11'),
  inOneVersion(22, 'InitProducerId', 1, '2.0'),
  inOneVersion(24, 'AddPartitionsToTxn', 1, '2.0'),
  inOneVersion(25, 'AddOffsetsToTxn', 1, '2.0'),
  inOneVersion(26, 'EndTxn', 1, '2.0'),
  inOneVersion(28, 'TxnOffsetCommit', 2, '2.1'),
  ofKafkajs(11, 'JoinGroup', 5),
  ofKafkajs(12, 'Heartbeat', 3),
  ofKafkajs(13, 'LeaveGroup', 3),
  ofKafkajs(14, 'SyncGroup', 3),
  ofKafkajs(15, 'DescribeGroups', 2),
  ofKafkajs(32, 'DescribeConfigs', 2),
];

type Supported = NonNullable<ConnectedBroker['versions']>;

/** One sentence for each request that a broker cannot answer; empty if it can answer all. */
export function lacking(broker: string, supported: Supported): string[] {
  return REQUIRED_VERSIONS.flatMap(({ apiKey, name, versions: { min, max }, since }) => {
    const has = supported[apiKey];
    if (has !== undefined && has.minVersion <= max && has.maxVersion >= min) return [];
    const needed = min === max ? `version ${min}` : `a version from ${min} to ${max}`;
    const isTooNew = has !== undefined && has.minVersion > max;
    const what =
      has === undefined ? 'does not know this request' : `has versions ${has.minVersion} to ${has.maxVersion}`;
    const remedy = isTooNew ? 'use a later release of company-sync' : `use Kafka ${since} or later`;
    return [`broker ${broker} does not support ${name} in ${needed}: it ${what}; ${remedy}`];
  });
}

/**
 * The faults of all brokers that answer. Skips a broker that does not answer.
 *
 * @throws BrokerError if no broker answers
 */
export async function versionFaults(kafka: KafkaConfig, clock: Clock): Promise<string[]> {
  const connections = new BrokerConnections(kafka, clock);
  try {
    const { answer: brokers } = await new AnyBroker(kafka, clock).ask(connections, brokersKnownTo);
    const faults = [...new Set(brokers.values())].map(async (address) => {
      const supported = await connections
        .ask(address, ({ versions }) => Promise.resolve(versions))
        .catch(noAnswerIfOutage);
      return supported === null ? [] : lacking(address, supported);
    });
    return (await settleAll(faults)).flat();
  } catch (error) {
    throw noAnswer(error, 'ApiVersions');
  } finally {
    await connections.close();
  }
}
