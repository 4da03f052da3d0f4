import { Turns } from '../../../src/lib/turns.js';

test('no more than the allowed number runs at a time, in the order of the calls, also after failures', async () => {
  const turns = new Turns(2);
  const order: number[] = [];
  let running = 0;
  let most = 0;
  const work = (i: number) => async () => {
    order.push(i);
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    if (i % 2 === 0) throw new Error(`failure ${i}`);
    return i;
  };
  const results = await Promise.allSettled(Array.from({ length: 6 }, (_, i) => turns.run('one', work(i))));
  expect(results.map(({ status }) => status === 'fulfilled')).toEqual([false, true, false, true, false, true]);
  expect(order).toEqual([0, 1, 2, 3, 4, 5]);
  expect(most).toBe(2);
});

test('the askers get their turns in rotation, however much one of them asks for', async () => {
  const turns = new Turns(1);
  const order: string[] = [];
  const ask = (asker: string) =>
    turns.run(asker, async () => {
      order.push(asker);
      await new Promise((resolve) => setImmediate(resolve));
    });
  await Promise.all([...Array.from({ length: 5 }, () => ask('a')), ask('b'), ask('b'), ask('c')]);
  expect(order).toEqual(['a', 'a', 'b', 'c', 'a', 'b', 'a', 'a']);
});
