import { watchOutbound } from '../../../../src/kafka/topics/input-growth.js';
import type { TopicView } from '../../../../src/kafka/connection/leader-directory.js';

test('each growth of a written topic is reported once, and an outage of the brokers is not the end', async () => {
  const stopping = new AbortController();
  const answers = [12, new Error('outage'), 13, 13, 16];
  const leaders = {
    lookUp: () => {
      const answer = answers.shift();
      if (answers.length === 0) stopping.abort();
      if (answer instanceof Error) return Promise.reject(answer);
      const view = { leaders: new Map([...Array(answer).keys()].map((partition) => [partition, null])) };
      return Promise.resolve(view as unknown as TopicView);
    },
  };
  const reported: unknown[] = [];
  await watchOutbound(
    {
      leaders,
      partitions: new Map([['outbound', 12]]),
      clock: { now: () => 0, delay: () => Promise.resolve() },
      onGrown: (...growth) => reported.push(growth),
    },
    stopping.signal,
  );
  expect(reported).toEqual([
    ['outbound', 12, 13],
    ['outbound', 13, 16],
  ]);
});
