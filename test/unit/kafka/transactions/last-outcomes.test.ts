import { LastOutcomes, ownTimeout } from '../../../../src/kafka/transactions/last-outcomes.js';
import { ERROR_CODES } from '../../../../src/kafka/protocol/protocol-errors.js';

const ID = 'app-input-0';
let outcomes: LastOutcomes;
const OUR_TIMEOUT_MS = 19_500;
beforeEach(() => (outcomes = new LastOutcomes(OUR_TIMEOUT_MS)));

function note(
  state: string,
  producerEpoch: number,
  { producerId = 1n, errorCode = 0, timeoutMs = OUR_TIMEOUT_MS } = {},
): void {
  outcomes.note(ID, { state, timeoutMs, producerEpoch, producerId, errorCode, clientSideThrottleTime: 0 });
}

const fenced = (producerEpoch: number, producerId = 1n) => outcomes.afterFencing(ID, { producerId, producerEpoch });

test.each([
  ['CompleteCommit', 'commit'],
  ['CompleteAbort', 'abort'],
  // The markers may be written between the description and the fencing.
  ['PrepareCommit', 'commit'],
  ['PrepareAbort', 'abort'],
])('after %s the last transaction is one of %s', (state, outcome) => {
  note(state, 4);
  expect(fenced(5)).toBe(outcome);
});

test.each(['Ongoing', 'PrepareEpochFence', 'Empty', 'Dead'])(
  '%s has no outcome: the fencing ends the open transaction, and the id is described again',
  (state) => {
    note(state, 4);
    expect(fenced(5)).toBeNull();
  },
);

test('an id that the coordinator does not know has no outcome', () => {
  note('CompleteCommit', 4, { errorCode: ERROR_CODES.TRANSACTIONAL_ID_NOT_FOUND });
  expect(fenced(5)).toBeNull();
});

test('the outcome stays known if the id is fenced again before a transaction begins', () => {
  note('CompleteCommit', 4);
  expect(fenced(5)).toBe('commit');
  note('Empty', 5);
  expect(fenced(6)).toBe('commit');
});

test('a lost answer of a fencing does not lose the outcome', () => {
  note('CompleteAbort', 4);
  note('Empty', 5);
  expect(fenced(6)).toBe('abort');
});

test('after an answered fencing, the answer of the next fencing may be lost', () => {
  note('CompleteCommit', 4);
  expect(fenced(5)).toBe('commit');
  note('Empty', 6);
  expect(fenced(7)).toBe('commit');
});

test.each(['CompleteCommit', 'CompleteAbort'])(
  'the fencing of another instance after %s makes the outcome unknown: that owner may have ended a transaction since',
  (state) => {
    note(state, 4);
    note('Empty', 5, { timeoutMs: OUR_TIMEOUT_MS + 1 });
    expect(fenced(6)).toBeNull();
  },
);

test('an abort between the description of a commit and the fencing raises the epoch, which makes the outcome unknown', () => {
  note('CompleteCommit', 4);
  expect(fenced(6)).toBeNull();
});

test('each process fences with a timeout of its own, up to a second below the one given', () => {
  const timeouts = Array.from({ length: 100 }, () => ownTimeout(20_000));
  expect(Math.max(...timeouts)).toBeLessThanOrEqual(20_000);
  expect(Math.min(...timeouts)).toBeGreaterThan(19_000);
  expect(new Set(timeouts).size).toBeGreaterThan(50);
});

test('possible actions of others make the outcome unknown: two fencings, another session, or a missing description', () => {
  note('CompleteCommit', 4);
  note('Empty', 6);
  expect(fenced(7)).toBeNull();

  note('CompleteCommit', 4);
  note('Empty', 5, { producerId: 2n });
  expect(fenced(6, 2n)).toBeNull();

  note('CompleteCommit', 4);
  expect(fenced(6)).toBeNull();
  note('CompleteCommit', 4);
  expect(fenced(5, 2n)).toBeNull();
});

test('the outcome of a session is forgotten once another transaction was begun', () => {
  note('CompleteCommit', 4);
  note('Ongoing', 4);
  note('Empty', 5);
  expect(fenced(6)).toBeNull();
});

test('a producer id stays known after the brokers have given another one, whatever is described later', () => {
  note('CompleteCommit', 32_766);
  fenced(0, 2n);
  note('Empty', 0, { producerId: 2n });
  fenced(1, 2n);
  note('Dead', -1, { producerId: -1n, errorCode: ERROR_CODES.TRANSACTIONAL_ID_NOT_FOUND });
  fenced(0, 3n);
  expect([...outcomes.producerIds(ID)]).toEqual([1n, 2n, 3n]);
  expect(outcomes.producerIds('another')).toEqual(new Set());
});

test('the outcome is forgotten once the session begins a transaction, also if another process has our timeout', () => {
  note('CompleteAbort', 4);
  expect(fenced(5)).toBe('abort');
  outcomes.forget(ID);
  note('Empty', 6);
  expect(fenced(7)).toBeNull();
});
