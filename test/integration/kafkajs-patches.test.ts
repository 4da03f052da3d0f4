/**
 * One test for each fix in patches/kafkajs+2.2.4.patch: each fails on kafkajs as published. Those about a clock that is
 * set back are in `test/unit/simulation/clock-set-back`.
 */
import { logLevel } from 'kafkajs';
import filterAbortedMessages from 'kafkajs/src/consumer/filterAbortedMessages.js';
import createRequest from 'kafkajs/src/protocol/request.js';
import { createCluster } from '../../src/kafka/connection/cluster.js';
import { currentCluster } from '../support/current-cluster.js';
import { createTopic } from '../support/topics.js';

const { bootstrap } = currentCluster();

/**
 * src/network/requestQueue/index.js. As published, each answer arms a timer that checks for pending requests at the end
 * of the throttling, although no request is pending and nothing was ever throttled. Its time is in the past, which Node
 * turns into 1 ms. The timer then arms itself again, as long as the connection exists.
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

/**
 * src/consumer/filterAbortedMessages.js, which readers of the announcements rely on. As published, it has three faults.
 * It assumes that aborted transactions are sorted by their first offsets, but a broker sorts them by their ends. It
 * enters only one of them at each record, so a transaction that ended before the fetch hides the next one. And a user's
 * record with the key of an abort marker ends the transaction that it is part of.
 */
describe('records of aborted transactions are left out', () => {
  const record = (offset: number, producer: number, key: Buffer | null = null) => ({
    offset: String(offset),
    key,
    isControlRecord: false,
    batchContext: { producerId: String(producer), inTransaction: true },
  });
  const abortMarkerKey = Buffer.from([0, 0, 0, 0]);
  const abort = (offset: number, producer: number) => ({
    ...record(offset, producer, abortMarkerKey),
    isControlRecord: true,
  });
  const aborted = (firstOffset: number, producer: number) => ({
    firstOffset: String(firstOffset),
    producerId: String(producer),
  });
  const left = (...[messages, abortedTransactions]: [ReturnType<typeof record>[], ReturnType<typeof aborted>[]]) =>
    filterAbortedMessages({ messages, abortedTransactions })
      .filter(({ isControlRecord }) => !isControlRecord)
      .map(({ offset }) => Number(offset));

  test('of interleaved ones, in the order of their ends', () => {
    const log = [record(0, 1), record(1, 2), abort(2, 2), record(3, 1), abort(4, 1), record(5, 1)];
    expect(left(log, [aborted(1, 2), aborted(0, 1)])).toEqual([5]);
  });

  test('of two that had begun before the first record', () => {
    const log = [record(10, 2), abort(11, 1), abort(12, 2), record(13, 2)];
    expect(left(log, [aborted(0, 1), aborted(5, 2)])).toEqual([13]);
  });

  test('of one with a key like a marker', () => {
    const log = [record(0, 1, abortMarkerKey), record(1, 1), abort(2, 1)];
    expect(left(log, [aborted(0, 1)])).toEqual([]);
  });
});
