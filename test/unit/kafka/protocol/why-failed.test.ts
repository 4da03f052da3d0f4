import { whyFailed } from '../../../../src/kafka/protocol/protocol-errors.js';

test.each([
  ['KafkaJSNumberOfRetriesExceeded', 'Connection error: connect ECONNREFUSED 127.0.0.1:9092'],
  ['KafkaJSConnectionError', 'connect ECONNREFUSED 127.0.0.1:9092'],
])('a refused connection (%s) is reported without the name of a class', (name, message) => {
  const error = Object.assign(new Error(message), { name });
  expect(whyFailed(error)).toBe('127.0.0.1:9092 refuses the connection (ECONNREFUSED)');
});

test('any other cause keeps its own words', () => {
  expect(whyFailed(new TypeError('Connection timeout'))).toBe('Connection timeout');
});
