/** patches/kafkajs+2.2.4.patch, src/network/requestQueue/index.js: when requests time out. */
import { createRequire } from 'node:module';
import { SeededRandom } from '../../../../testkit/seeded-random.js';
import { takeOverGlobals } from '../../../../testkit/simulation/globals.js';
import { SimulatedTime } from '../../../../testkit/simulation/time.js';

/** kafkajs's own, as far as it is used here. */
interface RequestQueue {
  scheduleRequestTimeoutCheck(): void;
  push(request: {
    entry: { correlationId: number; resolve: () => void; reject: (error: Error) => void };
    expectResponse: boolean;
    requestTimeout?: number;
    sendRequest: () => void;
  }): void;
  fulfillRequest(answer: { correlationId: number; payload: null; size: number }): void;
  rejectAll(error: Error): void;
}

const RequestQueue = createRequire(__filename)('kafkajs/src/network/requestQueue') as new (
  options: object,
) => RequestQueue;
const LIMIT_MS = 30_000;

/** Runs `use` in simulated time, with the queue of a connection. `asked` gets a line for each request that has ended. */
async function withQueue(
  use: (queue: RequestQueue, time: SimulatedTime, asked: (id: number, requestTimeout?: number) => void) => void,
  isConnected = () => true,
): Promise<string[]> {
  const time = new SimulatedTime(0);
  const release = takeOverGlobals(time, new SeededRandom(1));
  const ended: string[] = [];
  try {
    const logger = { debug: () => undefined, warn: () => undefined };
    const settings = { maxInFlightRequests: null, requestTimeout: LIMIT_MS, enforceRequestTimeout: true };
    const queue = new RequestQueue({ ...settings, logger, isConnected });
    queue.scheduleRequestTimeoutCheck();
    use(queue, time, (correlationId, requestTimeout = LIMIT_MS) => {
      const end = (how: string) => () => void ended.push(`${correlationId} ${how} at ${time.elapsed()}`);
      const entry = { correlationId, resolve: end('answered'), reject: end('timed out') };
      queue.push({ entry, expectResponse: true, requestTimeout, sendRequest: () => undefined });
    });
    // Only a timer that is set again and again keeps the time running.
    await expect(time.run(() => false, 1_000)).rejects.toThrow('no event is planned');
    return ended;
  } finally {
    release();
  }
}

test('a request without an answer times out at its time limit', async () => {
  const ended = await withQueue((_, time, asked) => {
    asked(1);
    time.after(50, () => asked(2));
  });
  expect(ended).toEqual(['1 timed out at 30000', '2 timed out at 30050']);
});

test('a request with a longer time limit does not delay the others', async () => {
  const ended = await withQueue((_, time, asked) => {
    asked(1, 2 * LIMIT_MS);
    time.after(1, () => asked(2));
  });
  expect(ended).toEqual(['2 timed out at 30001', '1 timed out at 60000']);
});

test('a connection without requests in flight has no timer', async () => {
  const ended = await withQueue((queue, time, asked) => {
    asked(1);
    time.after(7, () => queue.fulfillRequest({ correlationId: 1, payload: null, size: 0 }));
  });
  expect(ended).toEqual(['1 answered at 7']);
});

test('a connection that is lost has no timer', async () => {
  let endedAt = -1;
  await withQueue((queue, time, asked) => {
    asked(1);
    time.after(7, () => {
      queue.rejectAll(new Error('lost'));
      time.after(0, () => (endedAt = time.elapsed()));
    });
  });
  expect(endedAt).toBe(7);
});

/** As published, no check follows: `disconnect` then waits for the answer without an end. */
test('a request times out also while its connection is being closed', async () => {
  const ended = await withQueue(
    (_, __, asked) => asked(1),
    () => false,
  );
  expect(ended).toEqual(['1 timed out at 30000']);
});
