import { kafkaCommandsFor } from '../../../src/lib/shell-command.js';

test('a command of a Kafka tool names the real brokers', () => {
  const command = kafkaCommandsFor({ brokers: ['a:9092', '[::1]:9092'], isSecured: false });
  expect(command('kafka-configs.sh', '--describe')).toBe(
    "kafka-configs.sh --bootstrap-server 'a:9092,[::1]:9092' --describe",
  );
});

test('with TLS or SASL a command names the file with these settings, by the flag that the tool knows', () => {
  const command = kafkaCommandsFor({ brokers: ['a:9093'], isSecured: true });
  expect(command('kafka-transactions.sh', 'abort')).toBe(
    'kafka-transactions.sh --bootstrap-server a:9093 --command-config client.properties abort',
  );
  expect(command('kafka-console-consumer.sh', '--topic t')).toBe(
    'kafka-console-consumer.sh --bootstrap-server a:9093 --consumer.config client.properties --topic t',
  );
});
