import { ChangelogTail } from '../../../src/pipeline/changelog-tail.js';
import { StaleViewError } from '../../../src/pipeline/errors.js';

test('the first record of an owner must lie exactly where the changelog was said to end', () => {
  const tail = new ChangelogTail(20);
  expect(() => tail.mustFollow(19)).toThrow(StaleViewError);
  expect(() => tail.mustFollow(21)).toThrow(StaleViewError);
  tail.mustFollow(20);
});

test('later records may have markers before them, and never lie below what was committed', () => {
  const tail = new ChangelogTail(20);
  tail.mustFollow(20);
  tail.committed(25, 0);
  tail.mustFollow(25);
  tail.mustFollow(27);
  expect(() => tail.mustFollow(24)).toThrow(StaleViewError);
});
