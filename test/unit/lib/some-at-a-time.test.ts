import { someAtATime } from '../../../src/lib/some-at-a-time.js';

test('no more items than allowed are worked on at the same time, and each once', async () => {
  const [done, running] = [[] as number[], new Set<number>()];
  let most = 0;
  const items = Array.from({ length: 50 }, (_, i) => i);
  await someAtATime(items, 4, async (item) => {
    running.add(item);
    most = Math.max(most, running.size);
    for (let turns = 0; turns < item % 5; turns++) await Promise.resolve();
    running.delete(item);
    done.push(item);
  });
  expect(most).toBe(4);
  expect(done.sort((a, b) => a - b)).toEqual(items);
});

test('after an error no item is begun, and the items in progress are finished first', async () => {
  const [begun, finished]: [number[], number[]] = [[], []];
  const all = someAtATime([0, 1, 2, 3, 4], 2, async (item) => {
    begun.push(item);
    if (item === 0) throw new Error('broken');
    for (let turns = 0; turns < 10; turns++) await Promise.resolve();
    finished.push(item);
  });
  await expect(all).rejects.toThrow('broken');
  expect({ begun, finished }).toEqual({ begun: [0, 1], finished: [1] });
});
