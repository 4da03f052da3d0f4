import { createRequire } from 'node:module';
import { reasonOf } from '../../../src/lib/reason-of.js';

const { KafkaJSConnectionError } = createRequire(__filename)('kafkajs/src/errors.js') as {
  KafkaJSConnectionError: new (message: string, options: { broker: string; code?: string }) => Error;
};

const refused = (address: string) => new Error(`connect ECONNREFUSED ${address}`);
const bothRefused = Object.assign(new AggregateError([refused('::1:8081'), refused('127.0.0.1:8081')]), {
  code: 'ECONNREFUSED',
});

test.each<[string, unknown, string]>([
  ['a plain error', new Error('no space left'), 'no space left'],
  ['text', 'why not', 'why not'],
  ['nothing', undefined, 'undefined'],
  ['empty text', '', 'unknown error'],
  ['an error without a message', new RangeError(''), 'RangeError'],
  [
    'an error of fetch',
    new TypeError('fetch failed', { cause: refused('127.0.0.1:1') }),
    'connect ECONNREFUSED 127.0.0.1:1',
  ],
  ['an error of fetch without a cause', new TypeError('fetch failed'), 'fetch failed'],
  ['several addresses', bothRefused, 'connect ECONNREFUSED ::1:8081, connect ECONNREFUSED 127.0.0.1:8081'],
  [
    'several addresses in an error of fetch',
    new TypeError('fetch failed', { cause: bothRefused }),
    'connect ECONNREFUSED ::1:8081, connect ECONNREFUSED 127.0.0.1:8081',
  ],
  ['equal reasons', new AggregateError([new Error('timed out'), new Error('timed out')]), 'timed out'],
  ['an AggregateError with a message of its own', new AggregateError([refused('::1:1')], 'no mirror'), 'no mirror'],
  ['an AggregateError without errors', Object.assign(new AggregateError([]), { code: 'ETIMEDOUT' }), 'ETIMEDOUT'],
  [
    'an error of kafkajs about several addresses',
    new KafkaJSConnectionError('Connection error: ', { broker: 'localhost:9092', code: 'ECONNREFUSED' }),
    'localhost:9092 refuses the connection (ECONNREFUSED)',
  ],
  [
    'another one',
    new KafkaJSConnectionError('Connection error: ', { broker: 'localhost:9092', code: 'ENETUNREACH' }),
    'localhost:9092: ENETUNREACH',
  ],
  ['an error of kafkajs', new KafkaJSConnectionError('Connection timeout', { broker: 'b:1' }), 'Connection timeout'],
])('%s', (_, error, reason) => {
  expect(reasonOf(error)).toBe(reason);
});

test('a circle of causes ends', () => {
  const error = new Error('');
  error.cause = error;
  expect(reasonOf(error)).toBe('Error');
});
