import { troublePrinter } from '../../../src/command/command-logs.js';

const AT = { topic: 'sync-events', partition: 0 };

test('in an outage a command prints each cause once a minute, however many partitions and retries fail', () => {
  const printed: string[] = [];
  let now = 0;
  const onTrouble = troublePrinter(
    (line) => printed.push(line),
    () => now,
  );
  for (let attempt = 0; attempt < 1_000; attempt++) {
    onTrouble({ ...AT, partition: attempt % 12 }, new Error(`10.0.0.${attempt % 3}:9092 refuses the connection`));
    now += 20;
  }
  onTrouble(AT, new Error('Connection timeout'));
  expect(printed).toEqual(['10.0.0.0:9092 refuses the connection', 'Connection timeout']);
  now = 60_000;
  onTrouble(AT, new Error('10.0.0.7:9092 refuses the connection'));
  expect(printed.slice(2)).toEqual([
    '10.0.0.7:9092 refuses the connection (999 similar errors before this one were not printed)',
  ]);
});
