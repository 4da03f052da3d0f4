/** kafkajs drops records for partitions that do not exist, and reports no error. */
import { mustCover } from '../../../../src/kafka/topics/record-sender.js';
import { BrokerError } from '../../../../src/pipeline/errors.js';

const to = (partition?: number) => ({
  key: null,
  value: null,
  headers: [],
  ...(partition === undefined ? {} : { partition }),
});

test('a record for a partition that gave no answer was not written', () => {
  const check = () => mustCover('sync-events', [to(0), to(7)], [{ partition: 0 }]);
  expect(check).toThrow(BrokerError);
  expect(check).toThrow('nothing was written to partition 7 of sync-events');
  expect(() => mustCover('sync-events', [to(7)], [])).toThrow('partition 7');
});

test('records whose partition gave an answer, and records whose key decides, were written', () => {
  expect(() => mustCover('sync-events', [to(0), to(), to(0)], [{ partition: 0 }, { partition: 3 }])).not.toThrow();
});
