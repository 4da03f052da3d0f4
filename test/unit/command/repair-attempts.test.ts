/** Repairs that could not be read either: the records that one repair must replace. */
import { asRepairOf, MAX_TARGETS, RepairAttempts } from '../../../src/command/repair-attempts.js';
import type { Header } from '../../../src/lib/record.js';

const repairs = (id: string): Header => ({ key: 'repairs', value: Buffer.from(id) });

/** Dead letters as `1/9 repairs 1/5 1/6`. */
function attempts(...deadLetters: readonly string[]): RepairAttempts {
  const all = new RepairAttempts();
  for (const deadLetter of deadLetters) {
    const [id = '', ...targets] = deadLetter.split(/ repairs | /);
    const [partition, offset] = id.split('/').map(Number);
    all.add({ partition: partition ?? NaN, offset: offset ?? NaN, headers: targets.map(repairs) });
  }
  return all;
}

test.each([
  ['a dead letter by itself', ['1/5', '1/6'], '1/5', ['1/5']],
  ['its failed repair too', ['1/5', '1/9 repairs 1/5'], '1/5', ['1/5', '1/9']],
  ['what a failed repair was to replace', ['1/5', '1/9 repairs 1/5'], '1/9', ['1/9', '1/5']],
  ['repairs of repairs', ['1/5', '1/9 repairs 1/5', '1/12 repairs 1/9'], '1/5', ['1/5', '1/9', '1/12']],
  ['other repairs of the same', ['1/9 repairs 1/5', '1/12 repairs 1/5'], '1/12', ['1/12', '1/5', '1/9']],
  ['not one that was to replace others as well', ['1/9 repairs 1/5 1/6'], '1/5', ['1/5']],
  ['all that one was to replace', ['1/9 repairs 1/5 1/6', '1/12 repairs 1/6'], '1/9', ['1/9', '1/5', '1/6', '1/12']],
  ['nothing that is no record', ['1/9 repairs nonsense'], '1/9', ['1/9']],
  ['letters that name each other once', ['1/5 repairs 1/9', '1/9 repairs 1/5'], '1/5', ['1/5', '1/9']],
])('one repair replaces %s', (_what, deadLetters, id, replaced) => {
  expect([...attempts(...deadLetters).recordsThatOneRepairReplaces(id)]).toEqual(replaced);
});

test('a repair names each record once, and keeps the other headers', () => {
  const trace = { key: 'traceparent', value: Buffer.from('00-1') };
  const record = { key: null, value: null, headers: [repairs('1/5'), trace, repairs('1/7')] };
  expect(asRepairOf(new Set(['1/5', '1/9']), record).headers).toEqual([
    ...[trace, repairs('1/7'), repairs('1/5'), repairs('1/9')],
  ]);
});

test('dead letters that name more records than the memory limit are refused', () => {
  const all = new RepairAttempts();
  const headers = Array.from({ length: 10_000 }, () => repairs('1/5'));
  const add = () => all.add({ partition: 0, offset: 0, headers });
  for (let deadLetters = 0; deadLetters < MAX_TARGETS / headers.length; deadLetters++) add();
  expect(add).toThrow('pass a later --since');
});

test('a dead letter that names more records than one record can repair is not a repair', () => {
  const all = new RepairAttempts();
  const named = (count: number) => Array.from({ length: count }, (_, i) => repairs(`1/${i}`));
  all.add({ partition: 0, offset: 1, headers: named(10_000) });
  all.add({ partition: 0, offset: 2, headers: named(10_001) });
  expect([all.targetsOf('0/1').length, all.targetsOf('0/2').length]).toEqual([10_000, 0]);
});
