/** Commands that ask an instance about very many companies. */
import { askedSlowly } from '../../../src/command/running-instances.js';
import { InstanceError } from '../../../src/ops/instance-client.js';

/** An instance that refuses the first `count` requests. */
function refusing(count: number, retryAfterMs: number | null) {
  const pauses: number[] = [];
  let asked = 0;
  const ask = () =>
    asked++ < count ? Promise.reject(new InstanceError('too many', { retryAfterMs })) : Promise.resolve('yes');
  const clock = { delay: (ms: number) => Promise.resolve(void pauses.push(ms)) };
  return { pauses, answer: () => askedSlowly(ask, clock) };
}

test('a command waits as long as the instance asks for, and asks again', async () => {
  const { pauses, answer } = refusing(3, 1_000);
  expect(await answer()).toBe('yes');
  expect(pauses).toEqual([1_000, 1_000, 1_000]);
});

test.each([
  ['it never answers', Infinity, 1_000, 20],
  ['it asks for a long pause', 1, 60_000, 0],
  ['it refuses for another reason', 1, null, 0],
])('a command gives up if %s', async (_, count, retryAfterMs, waited) => {
  const { pauses, answer } = refusing(count, retryAfterMs);
  await expect(answer()).rejects.toThrow(InstanceError);
  expect(pauses).toHaveLength(waited);
});
