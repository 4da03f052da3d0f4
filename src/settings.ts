/**
 * The table of settings. Both parsing (config.ts) and `--help` use it.
 *
 * A setting is an environment variable and a flag of the same name: KAFKA_BROKERS is `--kafka-brokers`. A secret can
 * also be the path of a file that contains it: HTTP_TOKEN_FILE, `--http-token-file`.
 */
import type { z } from 'zod';
import { optional, plain, secret, topic, type Setting } from './setting-row.js';
import * as values from './setting-values.js';

export type { Setting };

const DURATION = 'a duration such as 500ms, 30s, 5m, 24h or 7d, at most 3650d';
const PEM = 'PEM text (-----BEGIN ...)';
const NOT_EMPTY = 'a value that is not empty';
/** A shadow has names and a state folder of its own. */
const SHADOWED = [
  ...(['applicationId', 'shadowOf', 'stateDir', 'topics.companySynchronized', 'topics.companyState'] as const),
  ...(['topics.deadLetter', 'topics.companySyncStalled', 'topics.companySyncFailed'] as const),
] as const;

export const SETTINGS = Object.freeze({
  kafkaBrokers: plain('kafka', {
    env: 'KAFKA_BROKERS',
    default: 'localhost:9092',
    meaning: 'Kafka brokers to connect to first, separated by commas',
    expected: 'host:port with a host name or IPv4 address, or several separated by commas',
    value: values.brokerList,
  }),
  schemaRegistryUrl: plain('schemaRegistry', {
    env: 'SCHEMA_REGISTRY_URL',
    default: 'http://localhost:8081',
    meaning: 'root of a Confluent-compatible schema registry API',
    expected: 'an http or https URL without credentials, query or fragment',
    value: values.httpRoot,
  }),
  applicationId: plain(['applicationId', 'topics.companyState', 'eventNamespace', 'shadowOf'], {
    env: 'APPLICATION_ID',
    default: 'company-sync',
    meaning:
      'consumer group, and prefix of the transactional ids and of the changelog; use each id for one input topic',
    expected: '1 to 235 of A-Z a-z 0-9 . _ -, not ending in -shadow',
    value: values.applicationId,
  }),
  shadow: plain(SHADOWED, {
    env: 'SHADOW',
    default: 'false',
    meaning:
      'run a shadow of the deployment that the other settings describe, to compare both: the shadow adds -shadow to its ' +
      'application id and to every topic that it writes; its event ids are those of the deployment; commands that write ' +
      'to the input are refused',
    expected: 'true or false',
    standsAlone: true,
    value: values.yesOrNo,
  }),
  stateDir: plain('stateDir', {
    env: 'STATE_DIR',
    default: './state',
    meaning:
      'folder for the state of this instance, one RocksDB per partition; a shadow uses ./state-shadow by default',
    expected: 'a path',
    value: values.path,
  }),
  topicSyncEvents: topic(
    'topics.syncEvents',
    'TOPIC_SYNC_EVENTS',
    'sync-events',
    'topic to read: events of the data-sync platform',
  ),
  topicCompanySynchronized: topic(
    'topics.companySynchronized',
    'TOPIC_COMPANY_SYNCHRONIZED',
    'company-synchronized',
    'topic to write: announcements, one for each company',
  ),
  topicDeadLetter: topic(
    'topics.deadLetter',
    'TOPIC_DEAD_LETTER',
    'sync-events-dead-letter',
    'topic to write: bad records',
  ),
  topicClientSettings: topic(
    'topics.clientSettings',
    'TOPIC_CLIENT_SETTINGS',
    'client-settings',
    'topic to read: the policy that each client chose',
  ),
  topicCompanySyncStalled: topic(
    'topics.companySyncStalled',
    'TOPIC_COMPANY_SYNC_STALLED',
    'company-sync-stalled',
    'topic to write: companies that make no progress',
  ),
  topicCompanySyncFailed: topic(
    'topics.companySyncFailed',
    'TOPIC_COMPANY_SYNC_FAILED',
    'company-sync-failed',
    'topic to write: companies whose first sync is over without a Complete dataset',
  ),
  allDatasetsFrom: plain('allDatasetsFrom', {
    env: 'ALL_DATASETS_FROM',
    default: '2023-10-10T00:00:00Z',
    meaning:
      'records stamped at or after this time, or before 2015 (not a date), are judged by ALL_DATASETS, whatever the client chose',
    expected: 'an ISO 8601 time with seconds and zone, such as 2023-10-10T00:00:00Z',
    value: values.instantMs,
  }),
  httpHost: plain('http.host', {
    env: 'HTTP_HOST',
    default: '127.0.0.1',
    meaning: 'address on which to serve probes, metrics, the page and the state of the partitions',
    expected: 'a host name or IP address',
    value: values.listenHost,
  }),
  httpPort: plain('http.port', {
    env: 'HTTP_PORT',
    default: '8080',
    meaning: 'port of that address; 0 picks a free port',
    expected: 'a whole number from 0 to 65535',
    value: values.listenPort,
  }),
  eventNamespace: optional('eventNamespace', {
    env: 'EVENT_NAMESPACE',
    meaning: 'part of the event ids; never change it for a deployment; if unset, the application id',
    expected: '1 to 256 characters',
    value: values.label,
  }),
  consent: optional('consents', {
    env: 'CONSENT',
    meaning:
      'consents, separated by commas; pass them for one start and remove them afterwards: ' +
      Object.entries(values.CONSENTS)
        .map(([word, meaning]) => `${word} (${meaning})`)
        .join('; '),
    expected: `${values.CONSENT_WORDS.slice(0, -1).join(', ')} or ${values.CONSENT_WORDS.at(-1)}, several separated by commas`,
    value: values.consents,
  }),
  numStandby: plain('numStandby', {
    env: 'NUM_STANDBY',
    default: '0',
    meaning: 'number of standbys of each partition',
    expected: 'a whole number from 0 to 100',
    value: values.standbyCount,
  }),
  stateRetentionMs: plain('stateRetentionMs', {
    env: 'STATE_RETENTION',
    default: '24h',
    meaning: 'how long to keep the state of partitions that moved away, because they may come back',
    expected: DURATION,
    value: values.durationMs,
  }),
  stalledAfterMs: plain('stalledAfterMs', {
    env: 'STALLED_AFTER',
    default: '60h',
    meaning: 'time without progress after which a company is stalled (reported up to an hour later)',
    expected: DURATION,
    value: values.durationMs,
  }),
  commitIntervalMs: plain('commitIntervalMs', {
    env: 'COMMIT_INTERVAL',
    default: '20ms',
    meaning:
      'how long a partition that is not behind gathers records before it commits them: the shortest time between the ' +
      'beginnings of two of its transactions; a longer time makes fewer transactions and later announcements',
    expected: 'a duration such as 20ms or 1s, at most 10s; 0 never waits',
    value: values.commitIntervalMs,
  }),
  maxBatchBytes: plain('maxBatchBytes', {
    env: 'MAX_BATCH_BYTES',
    default: '268435456',
    meaning: 'largest decompressed record batch, in bytes; a larger batch blocks its partition',
    expected: 'a whole number from 65536 to 999999999',
    value: values.batchBytes,
  }),
  httpToken: secret('http.tokens', {
    env: 'HTTP_TOKEN',
    meaning:
      'bearer token for all endpoints except probes, metrics and the files of the status page; to change it, set two tokens separated by a comma: both are ' +
      'accepted, and the instance uses the first to ask other instances',
    expected: 'printable ASCII without spaces, or two such tokens separated by a comma',
    value: values.bearerTokens,
  }),
  httpAllowedHosts: optional('http.allowedHosts', {
    env: 'HTTP_ALLOWED_HOSTS',
    meaning:
      'names by which clients may reach an instance that has no HTTP_TOKEN, separated by commas; IP addresses, localhost ' +
      'and HTTP_HOST are always allowed',
    expected: 'host names without a port, separated by commas',
    value: values.hostNames,
  }),
  logLevel: plain('logLevel', {
    env: 'LOG_LEVEL',
    default: 'info',
    meaning: 'least severe level to log; the log is JSON lines on stdout',
    expected: 'one of fatal, error, warn, info, debug, trace, silent',
    value: values.logLevel,
  }),
  kafkaSsl: optional('kafka', {
    env: 'KAFKA_SSL',
    meaning: 'use TLS to the brokers; if unset, true if a certificate below is set, otherwise false',
    expected: 'true or false',
    value: values.yesOrNo,
  }),
  kafkaSslCa: secret('kafka', {
    env: 'KAFKA_SSL_CA',
    meaning: 'certificate authorities to trust for the brokers, instead of the well-known ones',
    expected: PEM,
    value: values.pem,
  }),
  kafkaSslCert: secret('kafka', {
    env: 'KAFKA_SSL_CERT',
    meaning: 'client certificate for mutual TLS',
    expected: PEM,
    value: values.pem,
  }),
  kafkaSslKey: secret('kafka', {
    env: 'KAFKA_SSL_KEY',
    meaning: 'private key of the client certificate',
    expected: PEM,
    value: values.pem,
  }),
  kafkaSslKeyPassphrase: secret('kafka', {
    env: 'KAFKA_SSL_KEY_PASSPHRASE',
    meaning: 'passphrase of the private key, if the key is encrypted',
    expected: NOT_EMPTY,
    value: values.secret,
  }),
  kafkaSaslMechanism: optional('kafka', {
    env: 'KAFKA_SASL_MECHANISM',
    meaning: 'mechanism of authentication at the brokers',
    expected: 'one of plain, scram-sha-256, scram-sha-512',
    value: values.saslMechanism,
  }),
  kafkaSaslUsername: secret('kafka', {
    env: 'KAFKA_SASL_USERNAME',
    meaning: 'user name at the brokers',
    expected: NOT_EMPTY,
    value: values.secret,
  }),
  kafkaSaslPassword: secret('kafka', {
    env: 'KAFKA_SASL_PASSWORD',
    meaning: 'password at the brokers',
    expected: NOT_EMPTY,
    value: values.secret,
  }),
  schemaRegistryUsername: secret('schemaRegistry', {
    env: 'SCHEMA_REGISTRY_USERNAME',
    meaning: 'user name at the schema registry (basic authentication)',
    expected: NOT_EMPTY,
    value: values.secret,
  }),
  schemaRegistryPassword: secret('schemaRegistry', {
    env: 'SCHEMA_REGISTRY_PASSWORD',
    meaning: 'password at the schema registry',
    expected: NOT_EMPTY,
    value: values.secret,
  }),
});

export type SettingKey = keyof typeof SETTINGS;

/** The parsed value of each setting: null only if the setting has no default. */
export type SettingValues = {
  readonly [K in SettingKey]:
    z.output<(typeof SETTINGS)[K]['value']> | ((typeof SETTINGS)[K]['default'] extends string ? never : null);
};
