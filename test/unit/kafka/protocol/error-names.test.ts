/** An operator gets the name of an error and what to do, never only a number. */
import { errorCodes } from 'kafkajs/src/protocol/error.js';
import { ADVISED_ERRORS, describeError, errorName } from '../../../../src/kafka/protocol/error-names.js';
import { ERROR_CODES, refusal } from '../../../../src/kafka/protocol/protocol-errors.js';

/** Kafka has renamed these since kafkajs copied them. */
const RENAMED: Readonly<Record<string, string>> = {
  UNKNOWN: 'UNKNOWN_SERVER_ERROR',
  NOT_LEADER_FOR_PARTITION: 'NOT_LEADER_OR_FOLLOWER',
  GROUP_LOAD_IN_PROGRESS: 'COORDINATOR_LOAD_IN_PROGRESS',
  GROUP_COORDINATOR_NOT_AVAILABLE: 'COORDINATOR_NOT_AVAILABLE',
  NOT_COORDINATOR_FOR_GROUP: 'NOT_COORDINATOR',
};
const NEWEST_CODE = 133;

test("every code of kafkajs's list has its name", () => {
  const ofKafka = errorCodes.filter(({ type }) => !type.startsWith('KAFKAJS_'));
  expect(ofKafka.length).toBeGreaterThan(80);
  expect(ofKafka.map(({ code }) => errorName(code))).toEqual(ofKafka.map(({ type }) => RENAMED[type] ?? type));
});

test.each([
  ['THROTTLING_QUOTA_EXCEEDED', 89],
  ['TRANSACTIONAL_ID_NOT_FOUND', 105],
  ['TRANSACTION_ABORTABLE', 120],
  ['SHARE_SESSION_LIMIT_REACHED', NEWEST_CODE],
])('%s, which is newer than that list, is %i', (name, code) => {
  expect(errorName(code)).toBe(name);
});

test('the codes that the program distinguishes have the names of the list', () => {
  for (const [name, code] of Object.entries(ERROR_CODES)) expect(errorName(code)).toBe(name);
});

test('every advice belongs to a name that exists', () => {
  const names = Array.from({ length: NEWEST_CODE + 2 }, (_, at) => errorName(at - 1));
  expect(new Set(names).size).toBe(names.length);
  expect(ADVISED_ERRORS.filter((name) => !names.includes(name))).toEqual([]);
});

test('a refusal has the request, the place, the name, and what to do', () => {
  const { message } = refusal(ERROR_CODES.NOT_ENOUGH_REPLICAS, 'Produce', { topic: 'output', partition: 3 });
  expect(message).toMatch(/^Produce for output-3 was refused: NOT_ENOUGH_REPLICAS \(19\): .*min\.insync\.replicas/);
  const wrongClock = 32;
  expect(refusal(wrongClock, 'Produce').message).toMatch(/INVALID_TIMESTAMP \(32\): .*clock.*`date`/);
});

test('a code of a newer Kafka is reported as such, with its number', () => {
  expect(describeError(9_999)).toBe('an error code of a newer Kafka (9999)');
});
