/** Makes kafkajs's configuration from our settings: how to reach the brokers, and log lines that go through pino. */
import { logLevel, type LogEntry, type SASLOptions } from 'kafkajs';
import type { Logger } from 'pino';
import type { Config, Tls } from '../../config.js';
import { kafkaCommandsFor, type KafkaCommand } from '../../lib/shell-command.js';
import type { KafkaConfig } from './cluster.js';

/** The settings that say how to reach Kafka. The application id is the client id by which brokers know us. */
export type KafkaConnection = Pick<Config, 'applicationId' | 'kafka'>;

/** kafkajs's default of 1 s is too short for a TLS handshake across zones. */
const CONNECTION_TIMEOUT_MS = 3_000;

export function kafkaConfigOf({ applicationId, kafka }: KafkaConnection, logger: Logger): KafkaConfig {
  const { tls, sasl } = kafka;
  return {
    clientId: applicationId,
    brokers: [...kafka.brokers],
    ...(tls === null ? {} : { ssl: sslOf(tls) }),
    ...(sasl === null ? {} : { sasl: { ...sasl } as SASLOptions }),
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    logLevel: kafkajsLevelFor(logger),
    logCreator: () => (entry) => writeTo(logger, entry),
  };
}

/** Makes commands of Kafka's own tools for these brokers. */
export function kafkaCommandsOf({ brokers, ssl, sasl }: Pick<KafkaConfig, 'brokers' | 'ssl' | 'sasl'>): KafkaCommand {
  const known = typeof brokers === 'function' ? ['<broker>'] : brokers;
  return kafkaCommandsFor({ brokers: known, isSecured: ssl !== undefined || sasl !== undefined });
}

function sslOf({ ca, client }: Tls): NonNullable<KafkaConfig['ssl']> {
  const { passphrase = null, ...pair } = client ?? {};
  return { ...(ca === null ? {} : { ca: [ca] }), ...pair, ...(passphrase === null ? {} : { passphrase }) };
}

/** The lowest level at which kafkajs creates log entries: entries that the logger would drop are not created. */
function kafkajsLevelFor(logger: Logger): logLevel {
  if (logger.isLevelEnabled('trace')) return logLevel.DEBUG;
  if (logger.isLevelEnabled('debug')) return logLevel.INFO;
  if (logger.isLevelEnabled('warn')) return logLevel.WARN;
  if (logger.isLevelEnabled('error')) return logLevel.ERROR;
  return logLevel.NOTHING;
}

/** Namespaces that log every attempt to connect. The code that needs the connection reports an outage itself. */
const TALKATIVE: readonly string[] = ['Connection', 'BrokerPool'];

/**
 * Logs an entry of kafkajs. Entries below a warning go one level lower, because its INFO reports each join and pause.
 */
function writeTo(logger: Logger, { level, namespace, log }: LogEntry): void {
  const { message, ...fields } = log;
  const line = { ...fields, logger: `kafkajs ${namespace}`.trimEnd(), timestamp: undefined };
  if (TALKATIVE.includes(namespace)) return logger.debug(line, message);
  switch (level) {
    case logLevel.ERROR:
      return logger.error(line, message);
    case logLevel.WARN:
      return logger.warn(line, message);
    case logLevel.INFO:
      return logger.debug(line, message);
    case logLevel.DEBUG:
      return logger.trace(line, message);
    case logLevel.NOTHING:
      return;
  }
}
