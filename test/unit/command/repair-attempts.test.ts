/** Repairs that could not be read either: the records that one repair must replace. */
import { asRepairOf, RepairAttempts } from '../../../src/command/repair-attempts.js';
import type { Header } from '../../../src/lib/record.js';

const repairs = (id: string): Header => ({ key: 'repairs', value: Buffer.from(id) });

/** Dead letters as `1/9 repairs 1/5 1/6`. */
function attempts(...deadLetters: readonly string[]): RepairAttempts {
  const all = new RepairAttempts(() => true);
  for (const deadLetter of deadLetters) add(all, deadLetter);
  return all;
}

function add(all: RepairAttempts, deadLetter: string): void {
  const [id = '', ...targets] = deadLetter.split(/ repairs | /);
  const [partition, offset] = id.split('/').map(Number);
  all.add({ partition: partition ?? NaN, offset: offset ?? NaN, headers: targets.map(repairs) });
}

test.each([
  ['a dead letter by itself', ['1/5', '1/6'], '1/5', ['1/5']],
  ['its failed repair too', ['1/5', '1/9 repairs 1/5'], '1/5', ['1/5', '1/9']],
  ['what a failed repair was to replace', ['1/5', '1/9 repairs 1/5'], '1/9', ['1/9', '1/5']],
  ['repairs of repairs', ['1/5', '1/9 repairs 1/5', '1/12 repairs 1/9'], '1/5', ['1/5', '1/9', '1/12']],
  ['other repairs of the same', ['1/9 repairs 1/5', '1/12 repairs 1/5'], '1/12', ['1/12', '1/5', '1/9']],
  ['not one that was to replace others as well', ['1/9 repairs 1/5 1/6'], '1/5', ['1/5']],
  ['all that one was to replace', ['1/9 repairs 1/5 1/6', '1/12 repairs 1/6'], '1/9', ['1/9', '1/5', '1/6', '1/12']],
  ['a record that its failed repair names twice', ['1/9 repairs 1/5 1/5'], '1/5', ['1/5', '1/9']],
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

describe('if dead letters name more records than the memory limit allows', () => {
  const named = (from: number, count: number) => Array.from({ length: count }, (_, i) => `1/${from + i}`).join(' ');

  test('records that have no dead letter are left out first, and counted', () => {
    const all = new RepairAttempts((id) => id === '1/5', { maxLinks: 10 });
    add(all, '1/9 repairs 1/5');
    for (let sender = 0; sender < 100; sender++) add(all, `2/${sender} repairs ${named(1_000 * sender, 9)}`);
    add(all, '1/12 repairs 1/5');
    expect([...all.recordsThatOneRepairReplaces('1/5')]).toEqual(['1/5', '1/9', '1/12']);
    expect(all.leftOut).toBeGreaterThan(800);
  });

  test('nothing throws if all of them have dead letters, and the first ones are kept', () => {
    const all = new RepairAttempts(() => true, { maxLinks: 10 });
    for (let sender = 0; sender < 3; sender++) add(all, `2/${sender} repairs ${named(0, 8)}`);
    expect([all.targetsOf('2/0').length, all.targetsOf('2/1').length, all.targetsOf('2/2').length]).toEqual([8, 2, 0]);
    expect(all.leftOut).toBe(14);
    // A failed repair stays open if it is not known whether the others that it names are replaced too.
    expect([...all.recordsThatOneRepairReplaces('1/0')]).toEqual(['1/0']);
  });

  test('those of the dead letter that a person asked for are kept', () => {
    const all = new RepairAttempts(() => true, { maxLinks: 10, focus: '1/5' });
    for (let sender = 0; sender < 3; sender++) add(all, `2/${sender} repairs ${named(100, 8)}`);
    add(all, '1/5 repairs 1/1 1/2');
    add(all, '1/9 repairs 1/5');
    expect([...all.recordsThatOneRepairReplaces('1/5')]).toEqual(['1/5', '1/1', '1/2', '1/9']);
  });

  test('a repetition of a record does not count', () => {
    const all = new RepairAttempts(() => true, { maxLinks: 10 });
    for (let sender = 0; sender < 10; sender++)
      add(all, `2/${sender} repairs ${Array.from({ length: 100 }, () => '1/5').join(' ')}`);
    expect([all.leftOut, all.failedRepairsOf('1/5').length]).toEqual([0, 10]);
  });
});

test('dead letters that all name each other do not keep the command busy', () => {
  const all = new RepairAttempts(() => true);
  const ids = Array.from({ length: 500 }, (_, i) => `1/${i}`);
  for (const id of ids) add(all, `${id} repairs ${ids.join(' ')}`);
  const begun = performance.now();
  for (const id of ids.slice(0, 20)) expect(all.recordsThatOneRepairReplaces(id).size).toBe(500);
  // Comparing the targets of each failed repair with what is replaced would take 100 million steps for each record.
  expect(performance.now() - begun).toBeLessThan(5_000);
});

test('a dead letter that names more records than one record can repair is not a repair', () => {
  const all = new RepairAttempts(() => true);
  const named = (count: number) => Array.from({ length: count }, (_, i) => repairs(`1/${i}`));
  all.add({ partition: 0, offset: 1, headers: named(10_000) });
  all.add({ partition: 0, offset: 2, headers: named(10_001) });
  expect([all.targetsOf('0/1').length, all.targetsOf('0/2').length]).toEqual([10_000, 0]);
});

test('of very many failed repairs of one record, a repair replaces as many as one record can name', () => {
  const all = new RepairAttempts(() => true);
  for (let i = 0; i < 25_000; i++) add(all, `2/${i} repairs 1/5`);
  expect(all.recordsThatOneRepairReplaces('1/5').size).toBe(10_001);
});
