import type { AnyBroker } from '../../../src/kafka/any-broker.js';
import type { BrokerConnections, ConnectedBroker } from '../../../src/kafka/broker-connections.js';
import type { LeaderDirectory } from '../../../src/kafka/leader-directory.js';
import { LogBoundsReader } from '../../../src/kafka/log-bounds.js';

/** A log without an open transaction, which a record is written to, and another one deleted from, after each question. */
function boundsOfGrowingLog() {
  let offset = 0;
  const broker = {
    listOffsets: ({ topics }: Parameters<ConnectedBroker['listOffsets']>[0]) => {
      const [{ partition, timestamp } = { partition: 0, timestamp: 0 }] = topics[0]?.partitions ?? [];
      const found = { partition, errorCode: 0, timestamp, offset: String(timestamp === -2 ? offset : offset + 1) };
      offset++;
      return Promise.resolve({ responses: [{ topic: 'input', partitions: [found] }] });
    },
  };
  const connections: Pick<BrokerConnections, 'ask'> = {
    ask: (_, question) => question(broker as unknown as ConnectedBroker),
  };
  const leaders: Pick<LeaderDirectory, 'find'> = { find: () => Promise.resolve('broker:9092') };
  const reader = new LogBoundsReader(
    'group',
    connections as BrokerConnections,
    leaders as LeaderDirectory,
    {} as AnyBroker,
    { now: () => 0, delay: () => Promise.resolve() },
    () => undefined,
    new AbortController().signal,
  );
  return reader.bounds({ topic: 'input', partition: 0 });
}

test('what is written and ended while a log is asked for its bounds does not look like an open transaction', async () => {
  const { start, end, highWatermark } = await boundsOfGrowingLog();
  expect(end).toBeGreaterThanOrEqual(highWatermark);
  expect(end).toBeGreaterThanOrEqual(start);
});
