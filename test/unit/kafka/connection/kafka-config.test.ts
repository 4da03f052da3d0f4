import { Kafka, logLevel } from 'kafkajs';
import { pino, type Level } from 'pino';
import { kafkaConfigOf, type KafkaConnection } from '../../../../src/kafka/connection/kafka-config.js';
import { readableLogger } from '../../../support/log-lines.js';

const plain: KafkaConnection['kafka'] = { brokers: ['a:1', 'b:2'], tls: null, sasl: null };

function configOf(kafka: Partial<KafkaConnection['kafka']> = {}, level: Level | 'silent' = 'info') {
  const { logger, lines } = readableLogger(level);
  return { config: kafkaConfigOf({ applicationId: 'app', kafka: { ...plain, ...kafka } }, logger), lines };
}

test('brokers and client id come from the settings, without TLS and SASL if they are not set', () => {
  const { config } = configOf();
  expect(config).toMatchObject({ clientId: 'app', brokers: ['a:1', 'b:2'] });
  expect(config).not.toHaveProperty('ssl');
  expect(config).not.toHaveProperty('sasl');
});

test('TLS with the well-known authorities, with our own, and with a client certificate', () => {
  expect(configOf({ tls: { ca: null, client: null } }).config.ssl).toEqual({});
  expect(configOf({ tls: { ca: 'CA', client: null } }).config.ssl).toEqual({ ca: ['CA'] });
  const client = { cert: 'CERT', key: 'KEY', passphrase: null };
  expect(configOf({ tls: { ca: 'CA', client } }).config.ssl).toEqual({ ca: ['CA'], cert: 'CERT', key: 'KEY' });
  const encrypted = configOf({ tls: { ca: null, client: { ...client, passphrase: 'open' } } });
  expect(encrypted.config.ssl).toEqual({ cert: 'CERT', key: 'KEY', passphrase: 'open' });
});

test('SASL settings are passed on unchanged', () => {
  const sasl = { mechanism: 'scram-sha-512', username: 'u', password: 'p' } as const;
  expect(configOf({ sasl }).config.sasl).toEqual(sasl);
});

test.each([
  ['silent', logLevel.NOTHING],
  ['fatal', logLevel.NOTHING],
  ['error', logLevel.ERROR],
  ['warn', logLevel.WARN],
  ['info', logLevel.WARN],
  ['debug', logLevel.INFO],
  ['trace', logLevel.DEBUG],
] as const)('at %s, kafkajs does not build entries that would be dropped', (level, expected) => {
  expect(configOf({}, level).config.logLevel).toBe(expected);
});

test('a log line of kafkajs keeps its fields, and goes one level lower if it is below a warning', () => {
  const { config, lines } = configOf({}, 'trace');
  const logger = new Kafka(config).logger().namespace('Runner');
  logger.error('e', { groupId: 'g' });
  logger.warn('w');
  logger.info('i');
  logger.debug('d');
  const { error, warn, debug, trace } = pino.levels.values;
  expect(lines).toMatchObject([
    { level: error, msg: 'e', groupId: 'g', logger: 'kafkajs Runner' },
    { level: warn, msg: 'w' },
    { level: debug, msg: 'i' },
    { level: trace, msg: 'd' },
  ]);
  for (const line of lines) expect(line).not.toHaveProperty('timestamp');
});

test('each attempt of kafkajs to connect is logged at debug level', () => {
  const { config, lines } = configOf({}, 'debug');
  new Kafka(config).logger().namespace('Connection').error('Connection error');
  expect(lines).toMatchObject([{ level: pino.levels.values.debug, logger: 'kafkajs Connection' }]);
});
