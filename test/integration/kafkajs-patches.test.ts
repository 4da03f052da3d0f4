/** One test for each fix in patches/kafkajs+2.2.4.patch: each fails on kafkajs as published. */
import { logLevel } from 'kafkajs';
import createRequest from 'kafkajs/src/protocol/request.js';
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

/**
 * src/protocol/request.js. As published, a request is written into a buffer that grows to the next power of two, filled
 * with zeros first, and then copied into another one in the same way: three times the memory of a large request.
 */
test('a request is put together in one buffer of its size', async () => {
  const payload = Buffer.alloc(300_000, 1);
  const encode = () => Promise.resolve({ buf: payload, buffer: payload });
  const request = { apiKey: 0, apiVersion: 7, apiName: 'Produce', encode };
  const { buf, buffer } = await createRequest({ correlationId: 5, clientId: 'test', request });

  expect(buf.length).toBe(buffer.length);
  expect(buffer.readInt32BE(0)).toBe(buffer.length - 4);
  expect(buffer.readInt32BE(8)).toBe(5);
  expect(buffer.subarray(-payload.length).equals(payload)).toBe(true);
});
