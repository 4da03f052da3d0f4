import { settled, SimulatedTime } from '../../../testkit/simulation/time.js';

test('events run in the order of their times, and then in the order in which they were planned', async () => {
  const time = new SimulatedTime(1_000);
  const ran: string[] = [];
  const at = (ms: number, name: string) => time.after(ms, () => ran.push(`${name} ${time.now()}`));
  at(20, 'c');
  at(10, 'a');
  at(20, 'd');
  at(10, 'b');
  at(15, 'cancelled')();
  await time.run(() => ran.length === 4);
  expect(ran).toEqual(['a 1010', 'b 1010', 'c 1020', 'd 1020']);
  expect(time.steps).toBe(4);
});

test('many events in any order come out sorted', async () => {
  const time = new SimulatedTime(0);
  const ran: number[] = [];
  for (let i = 0; i < 1_000; i++) time.after((i * 7_919) % 1_009, () => ran.push(time.now()));
  await time.run(() => ran.length === 1_000);
  expect(ran).toEqual(ran.toSorted((a, b) => a - b));
});

test('all promises settle between two events', async () => {
  const time = new SimulatedTime(0);
  const order: string[] = [];
  time.after(1, () => {
    void (async () => {
      for (let i = 0; i < 50; i++) await Promise.resolve();
      order.push('promises');
    })();
  });
  time.after(1, () => order.push('event'));
  await time.run(() => order.length === 2);
  expect(order).toEqual(['promises', 'event']);
});

test('a run fails if nothing is planned, or if it takes too many steps', async () => {
  await expect(new SimulatedTime(0).run(() => false)).rejects.toThrow('no event is planned');
  const time = new SimulatedTime(0);
  const again = (): void => void time.after(1, again);
  again();
  await expect(time.run(() => false, 10)).rejects.toThrow('not ended after 10 steps');
  await settled();
});
