import { CallDeadline } from '../../../src/store/call-deadline.js';

test('the age of the oldest call does not depend on a clock that is set back', async () => {
  const clock = { wallMs: 1_000_000, steadyMs: 0 };
  const deadline = new CallDeadline({
    now: () => clock.wallMs,
    monotonicMs: () => clock.steadyMs,
    delay: () => new Promise(() => undefined),
  });
  let answer: () => void = () => undefined;
  const call = deadline.within(10_000, 'reading', () => new Promise<void>((resolve) => (answer = resolve)));
  clock.steadyMs += 5_000;
  clock.wallMs -= 3_600_000;
  expect(deadline.longestMs).toBe(5_000);
  answer();
  await call;
});
