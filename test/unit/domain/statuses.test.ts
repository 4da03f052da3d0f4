import { classOf, isKnownStatus, KNOWN_STATUSES } from '../../../src/domain/statuses.js';

const WORDS_OF_THE_CONTRACT = {
  succeeded: ['Complete'],
  failed: [
    'FetchError',
    'MapError',
    'InternalError',
    'ProcessingError',
    'ValidationError',
    'AuthError',
    'RateLimitError',
    'PermissionsError',
    'PrerequisiteNotMet',
  ],
  ended: ['Cancelled', 'NotSupported'],
  'in-progress': [
    'Initial',
    'Queued',
    'Fetching',
    'MapQueued',
    'Mapping',
    'ProcessingQueued',
    'Processing',
    'ValidationQueued',
    'Validating',
  ],
};

describe('a status word of the contract', () => {
  test.each(Object.entries(WORDS_OF_THE_CONTRACT))('is %s: %j', (wanted, words) => {
    for (const word of words) expect([word, classOf(word), isKnownStatus(word)]).toEqual([word, wanted, true]);
  });

  test('has the code under which rows are stored: words may be added at the end only', () => {
    expect(KNOWN_STATUSES).toEqual(Object.values(WORDS_OF_THE_CONTRACT).flat());
  });
});

test.each(['', 'complete', 'COMPLETE', 'Complete\n', 'Done', 'constructor', 'toString', '__proto__'])(
  'the unknown word %j is in progress, and known to be unknown',
  (word) => {
    expect([classOf(word), isKnownStatus(word)]).toEqual(['in-progress', false]);
  },
);
