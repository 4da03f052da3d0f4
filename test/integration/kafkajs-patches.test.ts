/** One test for each fix in patches/kafkajs+2.2.4.patch: each fails on kafkajs as published. */
import { logLevel } from 'kafkajs';
import { createCluster } from '../../src/kafka/cluster.js';
import { currentCluster } from '../support/cluster/current.js';
import { createTopic } from '../support/topics.js';

const { bootstrap } = currentCluster();

/**
 * src/network/requestQueue/index.js. As published, each answer arms a timer to look for pending requests at the end of
 * the throttling, although nothing is pending and nothing was ever throttled: at a time in the past, which Node makes
 * 1 ms. The timer then arms itself again, for as long as the connection lives.
 */
test('a connection with nothing pending arms no timer', async () => {
  const topic = await createTopic(bootstrap);
  const cluster = createCluster({ brokers: bootstrap.split(','), clientId: 'test', logLevel: logLevel.NOTHING });
  const armed = jest.spyOn(globalThis, 'setTimeout');
  try {
    await cluster.connect();
    await cluster.addMultipleTargetTopics([topic]);
    const forThePast = armed.mock.calls.filter(([, delayMs]) => delayMs !== undefined && delayMs < 0);
    expect(forThePast).toEqual([]);
  } finally {
    armed.mockRestore();
    await cluster.disconnect();
  }
});
