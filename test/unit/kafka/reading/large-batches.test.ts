import { setImmediate as turn } from 'node:timers/promises';
import { LargeBatches } from '../../../../src/kafka/reading/large-batches.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { passTime } from '../../../support/pass-time.js';

const holder = () => ({ closeLarge: () => undefined });

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

test('a batch that cannot be opened holds nothing, and the next one has its turn', async () => {
  const large = new LargeBatches(new ManualClock(), 10);
  const [broken, next] = [holder(), holder()];
  const failing = large.open(broken, () => Promise.reject(new Error('broken')));
  const following = large.open(next, () => Promise.resolve(3));
  await expect(failing).rejects.toThrow('broken');
  await following;
  expect(large.heldBytes).toBe(3);
});

test('a batch that nobody reads from is closed, but not while nobody waits', async () => {
  const clock = new ManualClock();
  const large = new LargeBatches(clock, 10);
  const closed: string[] = [];
  const [idle, next] = ['idle', 'next'].map((name) => ({ closeLarge: () => void closed.push(name) }));
  await large.open(idle!, () => Promise.resolve(10));
  await passTime(clock, 30_000);
  expect(closed).toEqual([]);
  const following = large.open(next!, () => Promise.resolve(4));
  await passTime(clock, 2_000);
  await following;
  expect(closed).toEqual(['idle']);
  expect(large.heldBytes).toBe(4);
});
