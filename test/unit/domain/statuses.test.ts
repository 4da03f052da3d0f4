import {
  classOf,
  CODED_STATUSES,
  isKnownStatus,
  isLaterTerminal,
  KNOWN_STATUSES,
} from '../../../src/domain/statuses.js';

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
    'RoutingError',
  ],
  ended: ['Cancelled', 'NotSupported'],
  'in-progress': [
    'Initial',
    'Queued',
    'Routing',
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

  test('is known, and no other word is', () => {
    expect([...KNOWN_STATUSES].sort()).toEqual(Object.values(WORDS_OF_THE_CONTRACT).flat().sort());
  });

  const LATER_WORDS = ['Routing', 'RoutingError'];

  test('has the code that every release stores it under, and a word of a later vocabulary has none', () => {
    const first = Object.values(WORDS_OF_THE_CONTRACT).flat();
    expect(CODED_STATUSES).toEqual(first.filter((word) => !LATER_WORDS.includes(word)));
  });

  test('changes the counts of an older release only if it is from a later vocabulary and is terminal', () => {
    expect(KNOWN_STATUSES.filter(isLaterTerminal)).toEqual(['RoutingError']);
  });
});

test.each(['', 'complete', 'COMPLETE', 'Complete\n', 'Done', 'constructor', 'toString', '__proto__'])(
  'the unknown word %j is in progress, and known to be unknown',
  (word) => {
    expect([classOf(word), isKnownStatus(word)]).toEqual(['in-progress', false]);
  },
);
