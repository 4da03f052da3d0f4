import { describe as linesOf } from '../../../src/command/topics-create.js';
import { printable } from '../../../src/lib/printable.js';

test('each difference of a topic is a line of its own, because a printed line has no line breaks', () => {
  const differences = [
    { property: 'partitions', is: '3', planned: '12' },
    { property: 'retention.ms', is: 'unset', planned: '1' },
  ];
  const lines = linesOf({ topic: 'sync-events', outcome: 'existed', partitions: 3, differences });
  expect(lines.map(printable)).toEqual([
    'sync-events: existed, 3 partitions',
    '  partitions is 3; a new topic would have 12',
    '  retention.ms is unset; a new topic would have 1',
  ]);
});
