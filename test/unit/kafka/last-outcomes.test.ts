import { LastOutcomes } from '../../../src/kafka/last-outcomes.js';
import { ERROR_CODES } from '../../../src/kafka/protocol-errors.js';

const ID = 'app-input-0';
let outcomes: LastOutcomes;
beforeEach(() => (outcomes = new LastOutcomes()));

function note(state: string, producerEpoch: number, { producerId = 1n, errorCode = 0 } = {}): void {
  outcomes.note(ID, { state, producerEpoch, producerId, errorCode, clientSideThrottleTime: 0 });
}

const fenced = (producerEpoch: number, producerId = 1n) => outcomes.afterFencing(ID, { producerId, producerEpoch });

test.each([
  ['CompleteCommit', 'commit'],
  ['CompleteAbort', 'abort'],
])('after %s the last transaction is one of %s', (state, outcome) => {
  note(state, 4);
  expect(fenced(5)).toBe(outcome);
});

test.each(['Ongoing', 'PrepareCommit', 'PrepareAbort', 'PrepareEpochFence', 'Empty', 'Dead'])(
  '%s tells nothing: fencing ends what is not over, and it is asked for again',
  (state) => {
    note(state, 4);
    expect(fenced(5)).toBeNull();
  },
);

test('an id that the coordinator does not know has none', () => {
  note('CompleteCommit', 4, { errorCode: ERROR_CODES.TRANSACTIONAL_ID_NOT_FOUND });
  expect(fenced(5)).toBeNull();
});

test('fenced again before anything was begun, it is still the same', () => {
  note('CompleteCommit', 4);
  expect(fenced(5)).toBe('commit');
  note('Empty', 5);
  expect(fenced(6)).toBe('commit');
});

test('an answer of the fencing that was lost loses nothing', () => {
  note('CompleteAbort', 4);
  note('Empty', 5);
  expect(fenced(6)).toBe('abort');
});

test('what others may have done in between makes it unknown: two fencings, another session, or one that was not described', () => {
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

test('what was known of a session is gone once another transaction was begun', () => {
  note('CompleteCommit', 4);
  note('Ongoing', 4);
  note('Empty', 5);
  expect(fenced(6)).toBeNull();
});
