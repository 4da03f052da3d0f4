/** The memory that reading dead letters may take. */
import { DeadLetterCollector } from '../../../src/command/dead-letter-collector.js';
import { NO_HEADERS } from '../../../src/lib/record.js';
import { deadLetterOf, withoutBytes, type DeadLetter } from '../../../src/publish/dead-letter.js';

const INPUT = { topic: 'sync-events', partition: 0 };

function deadLetter(offset: number, key: string, value: string, message = '') {
  const record = { offset, timestamp: 0, key: Buffer.from(key), value: Buffer.from(value), headers: NO_HEADERS };
  return { ...record, ...deadLetterOf(record, { code: 'undecodable', message }, INPUT) };
}

function reading(wanted: (deadLetter: DeadLetter) => DeadLetter | null): DeadLetterCollector {
  return new DeadLetterCollector(INPUT.topic, wanted, 1_000);
}

test.each<[string, (deadLetter: DeadLetter) => DeadLetter | null, Parameters<typeof deadLetter>]>([
  ['keys of dead letters that nobody wants', () => null, [1, 'k'.repeat(600), '']],
  ['values of those wanted', (deadLetter) => deadLetter, [1, 'k', 'v'.repeat(600)]],
  ['messages of those wanted', withoutBytes, [1, 'k', '', 'm'.repeat(600)]],
])('%s are bounded by their length too', (_what, wanted, [, ...long]) => {
  const read = reading(wanted);
  read.take([deadLetter(1, ...long)]);
  expect(() => read.take([deadLetter(2, ...long)])).toThrow(
    'the dead letters take more than 1000 bytes to keep: pass a later --since',
  );
});

test('a value that is not kept does not count', () => {
  const read = reading(withoutBytes);
  for (let offset = 0; offset < 10; offset++) read.take([deadLetter(offset, 'k', 'v'.repeat(600))]);
  expect(read.result().deadLetters).toHaveLength(10);
});
