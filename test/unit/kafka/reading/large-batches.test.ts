import { setImmediate as turn } from 'node:timers/promises';
import { LargeBatches, LateOpeningError } from '../../../../src/kafka/reading/large-batches.js';
import { ManualClock, passTime } from '../../../support/manual-clock.js';

const holder = () => ({ closeLarge: () => 0 });

test('one batch is opened at a time, and only while those that are open take less than the budget', async () => {
  const large = new LargeBatches(new ManualClock(), 10);
  const holders = Array.from({ length: 6 }, holder);
  const heldAtOpening: number[] = [];
  let opening = 0;
  const open = async () => {
    heldAtOpening.push(large.heldBytes);
    expect(++opening).toBe(1);
    await turn();
    opening--;
    return 6;
  };
  const all = holders.map((one) => large.open(one, open));
  await Promise.all(all.slice(0, 2));
  for (let i = 0; i < 20; i++) await turn();
  expect(heldAtOpening).toEqual([0, 6]);
  for (const [i, one] of holders.entries()) {
    await all[i];
    large.used(one, 0);
  }
  expect(heldAtOpening).toEqual([0, 6, 6, 6, 6, 6]);
  expect(large.heldBytes).toBe(0);
});

test('a batch that cannot be opened takes no memory, and the next one has its turn', async () => {
  const large = new LargeBatches(new ManualClock(), 10);
  const [broken, next] = [holder(), holder()];
  const failing = large.open(broken, () => Promise.reject(new Error('broken')));
  const following = large.open(next, () => Promise.resolve(3));
  await expect(failing).rejects.toThrow('broken');
  await following;
  expect(large.heldBytes).toBe(3);
});

test('a batch that nobody reads from is closed, but only if others wait', async () => {
  const clock = new ManualClock();
  const large = new LargeBatches(clock, 10);
  const closed: string[] = [];
  const [idle, next] = ['idle', 'next'].map((name) => ({ closeLarge: () => closed.push(name) * 0 }));
  await large.open(idle!, () => Promise.resolve(10));
  await passTime(clock, 30_000);
  expect(closed).toEqual([]);
  const following = large.open(next!, () => Promise.resolve(4));
  await passTime(clock, 2_000);
  await following;
  expect(closed).toEqual(['idle']);
  expect(large.heldBytes).toBe(4);
});

test('an opening that hangs ends with an error for all who wait, and the next are opened once it has ended', async () => {
  const clock = new ManualClock();
  const large = new LargeBatches(clock, 10);
  const closed: string[] = [];
  const hanging = { closeLarge: () => closed.push('hanging') * 0 };
  let end: (bytes: number) => void = () => undefined;
  const outcomes: unknown[] = [];
  const noteError = (outcome: Promise<void>) => outcome.catch((error: unknown) => outcomes.push(error));
  void noteError(large.open(hanging, () => new Promise((resolve) => (end = resolve))));
  void noteError(large.open(holder(), () => Promise.resolve(1)));
  await passTime(clock, 59_000);
  expect(outcomes).toEqual([]);
  await passTime(clock, 1_000);
  void noteError(large.open(holder(), () => Promise.resolve(1)));
  await turn();
  expect(outcomes).toEqual([expect.any(LateOpeningError), expect.any(LateOpeningError), expect.any(LateOpeningError)]);

  end(256);
  await turn();
  expect(closed).toEqual(['hanging']);
  await large.open(holder(), () => Promise.resolve(3));
  expect(large.heldBytes).toBe(3);
});

test('one huge record is decompressed at a time, and counts until it is released; others go on meanwhile', async () => {
  const clock = new ManualClock();
  const large = new LargeBatches(clock, 100);
  const [first, second, third] = [{ closeLarge: () => 32 }, holder(), holder()] as const;
  await large.open(first, () => Promise.resolve(32), true);
  const opened: string[] = [];
  const next = large.open(second, () => Promise.resolve(opened.push('second')), true);
  large.used(first, 32, true);
  // Its huge record is in use, however long that takes.
  await passTime(clock, 30_000);
  expect([opened, large.heldBytes]).toEqual([[], 32]);

  large.used(first, 1);
  await next;
  expect(opened).toEqual(['second']);
  await large.open(third, () => Promise.resolve(opened.push('third')));
  expect(opened).toEqual(['second', 'third']);
});

test('a batch that is begun goes on when the budget is used up: only then is its memory released', async () => {
  const large = new LargeBatches(new ManualClock(), 10);
  const [one, other] = [holder(), holder()];
  await large.open(one, () => Promise.resolve(9));
  await large.open(other, () => Promise.resolve(9));
  await large.open(one, () => Promise.resolve(8));
  expect(large.heldBytes).toBe(17);
});
