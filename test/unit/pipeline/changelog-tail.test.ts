import { Stopwatch } from '../../../src/lib/stopwatch.js';
import { ChangelogTail } from '../../../src/pipeline/changelog-tail.js';
import { StaleViewError } from '../../../src/pipeline/errors.js';
import { SteppedClock } from '../../support/clocks.js';

test('the first record of an owner must be exactly at the reported end of the changelog', () => {
  const tail = new ChangelogTail(20);
  expect(() => tail.mustFollow(19)).toThrow(StaleViewError);
  expect(() => tail.mustFollow(21)).toThrow(StaleViewError);
  tail.mustFollow(20);
});

test('later records may have markers before them, and are never below the last commit', () => {
  const tail = new ChangelogTail(20);
  tail.mustFollow(20);
  tail.committed(25, new Stopwatch(new SteppedClock()));
  tail.mustFollow(25);
  tail.mustFollow(27);
  expect(() => tail.mustFollow(24)).toThrow(StaleViewError);
});
