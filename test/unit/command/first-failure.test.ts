/** Which record a failed repair stands for: its partition, offset and timestamp belong together. */
import { firstFailureOf } from '../../../src/command/first-failure.js';
import { RepairAttempts } from '../../../src/command/repair-attempts.js';
import { type DeadLetter, idOf } from '../../../src/publish/dead-letter.js';

/** `0/5@900 repairs 0/3 1/2`: the record of a dead letter, its timestamp, and the records that it should repair. */
function deadLetterOf(described: string): DeadLetter {
  const [, partition, offset, timestamp, , targets = ''] = /^(\d+)\/(\d+)@(\d+)( repairs (.*))?$/.exec(described) ?? [];
  const repaired = targets.split(' ').filter((id) => id !== '');
  return {
    topic: 'sync-events',
    partition: Number(partition),
    offset: Number(offset),
    code: 'undecodable',
    message: '',
    timestamp: Number(timestamp),
    writtenAt: 0,
    key: Buffer.from('acme'),
    value: null,
    headers: repaired.map((id) => ({ key: 'repairs', value: Buffer.from(id) })),
  };
}

/** The place of the last dead letter's first failure, as `0/5@900`. */
function firstOf(...described: readonly [string, ...string[]]): string {
  const deadLetters = described.map(deadLetterOf);
  const attempts = new RepairAttempts(() => true);
  for (const deadLetter of deadLetters) attempts.add(deadLetter);
  const timestamps = new Map(deadLetters.map((deadLetter) => [idOf(deadLetter), deadLetter.timestamp]));
  const { partition, offset, timestamp } = firstFailureOf(deadLetters.at(-1) as DeadLetter, { attempts, timestamps });
  return `${partition}/${offset}@${timestamp}`;
}

test.each<[string, [string, ...string[]], string]>([
  ['a dead letter that is no repair: itself', ['0/9@900'], '0/9@900'],
  ['a failed repair: the record that it names', ['0/5@900', '0/9@2000 repairs 0/5'], '0/5@900'],
  ['a failed repair in another partition than the record', ['1/50@900', '0/9@2000 repairs 1/50'], '1/50@900'],
  ['a failed repair, also if the clock of its sender was behind', ['1/50@900', '0/9@100 repairs 1/50'], '1/50@900'],
  [
    'a repair of a failed repair: the record that the latter names',
    ['1/5@900', '0/7@950 repairs 1/5', '0/9@2000 repairs 0/7'],
    '1/5@900',
  ],
  ['several records in a partition: the lowest offset', ['0/5@900', '0/6@800', '0/9@2000 repairs 0/6 0/5'], '0/5@900'],
  [
    'records in several partitions: the lowest timestamp',
    ['0/5@900', '1/6@800', '0/9@2000 repairs 0/5 1/6'],
    '1/6@800',
  ],
  ['a repair of a record without a dead letter: that record, at an unknown time', ['0/9@2000 repairs 0/5'], '0/5@-1'],
  ['repairs that name each other: the first of them', ['0/5@900 repairs 0/9', '0/9@2000 repairs 0/5'], '0/5@900'],
])('the first failure of %s', (_what, described, first) => {
  expect(firstOf(...described)).toBe(first);
});
