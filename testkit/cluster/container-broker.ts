import type { StartedNetwork, StartedTestContainer } from 'testcontainers';
import { commonSettings } from './broker-config.js';
import type { Broker, Profile } from './cluster.js';
import { brokersAnswer } from './cluster-answers.js';
import { ContainerNode } from './container-node.js';

export interface ContainerBrokerInput {
  readonly id: number;
  /** How many brokers there are; the others reach broker n as `kafka-n`. */
  readonly brokers: number;
  readonly clusterId: string;
  /** The host of the Docker engine. */
  readonly host: string;
  /** A free port of the engine's host. The broker keeps it. */
  readonly port: number;
  readonly profile: Profile;
  readonly overrides: Readonly<Record<string, string>>;
  readonly network: StartedNetwork;
  readonly kafkaVersion: string;
}

/** Ports inside the containers. */
const ports = { host: 9092, controller: 9093, internal: 19092 } as const;

/** At the first start, the image must be pulled, which takes time. */
const FIRST_START_TIMEOUT_MS = 300_000;

export class ContainerBroker extends ContainerNode implements Broker {
  readonly id: number;
  readonly address: string;
  /** The address at which tools in the container reach the broker. */
  readonly addressInside: string;

  private constructor(input: ContainerBrokerInput, containerId: string) {
    const address = `${input.host}:${input.port}`;
    const itself = { brokers: [input.id], clusterId: input.clusterId };
    super({ name: `broker ${input.id}`, containerId, answers: () => brokersAnswer(address, itself) });
    this.id = input.id;
    this.address = address;
    this.addressInside = `kafka-${input.id}:${ports.internal}`;
  }

  /** Calls `onContainer` as soon as the container exists, so the caller can remove it. */
  static async run(
    input: ContainerBrokerInput,
    onContainer: (container: StartedTestContainer) => void,
  ): Promise<ContainerBroker> {
    const { GenericContainer } = await import('testcontainers');
    const container = await new GenericContainer(`apache/kafka:${input.kafkaVersion}`)
      .withNetwork(input.network)
      .withNetworkAliases(`kafka-${input.id}`)
      .withEnvironment(brokerEnvironment(input))
      .withExposedPorts({ container: ports.host, host: input.port })
      .withStartupTimeout(FIRST_START_TIMEOUT_MS)
      .start();
    onContainer(container);
    const broker = new ContainerBroker(input, container.getId());
    await broker.serves();
    return broker;
  }
}

/** The environment of one broker. Kafka's own image turns each KAFKA_ variable into a broker setting. */
export function brokerEnvironment(
  input: Omit<ContainerBrokerInput, 'network' | 'kafkaVersion'>,
): Record<string, string> {
  const { id, brokers, profile } = input;
  const voters = Array.from({ length: brokers }, (_, index) => `${index + 1}@kafka-${index + 1}:${ports.controller}`);
  const settings: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': String(id),
    'controller.quorum.voters': voters.join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'INTERNAL',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,HOST:PLAINTEXT',
    listeners: `HOST://:${ports.host},CONTROLLER://:${ports.controller},INTERNAL://:${ports.internal}`,
    'advertised.listeners': `HOST://${input.host}:${input.port},INTERNAL://kafka-${id}:${ports.internal}`,
    'log.dirs': '/var/lib/kafka/data',
    ...commonSettings(brokers, profile),
    ...input.overrides,
  };
  const environment: Record<string, string> = { CLUSTER_ID: input.clusterId, ...jvmVariables(profile) };
  for (const [name, value] of Object.entries(settings)) environment[variableOf(name)] = value;
  return environment;
}

/** `a.b_c-d` becomes KAFKA_A_B__C___D, as the image's documentation says. */
function variableOf(setting: string): string {
  const name = setting.replaceAll('_', '__').replaceAll('.', '_').replaceAll('-', '___');
  return `KAFKA_${name.toUpperCase()}`;
}

/** The image's own flags are those of Kafka's start script, so benches use them. */
function jvmVariables(profile: Profile): Record<string, string> {
  switch (profile) {
    case 'test':
      return {
        KAFKA_HEAP_OPTS: '-Xms128m -Xmx512m',
        KAFKA_JVM_PERFORMANCE_OPTS: '-XX:+UseSerialGC -XX:TieredStopAtLevel=1',
      };
    case 'bench':
      return {};
  }
}
