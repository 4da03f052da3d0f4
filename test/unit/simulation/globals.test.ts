import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { SeededRandom } from '../../../testkit/seeded-random.js';
import { takeOverGlobals } from '../../../testkit/simulation/globals.js';
import { SimulatedTime } from '../../../testkit/simulation/time.js';

const START_MS = Date.UTC(2027, 0, 1);

/** Runs `use` with the globals of a simulation, and puts the real ones back. */
async function simulated<T>(use: (time: SimulatedTime) => Promise<T>): Promise<T> {
  const time = new SimulatedTime(START_MS);
  const release = takeOverGlobals(time, new SeededRandom(1));
  try {
    return await use(time);
  } finally {
    release();
  }
}

test('timers and clocks follow the simulated time', async () => {
  await simulated(async (time) => {
    const ran: string[] = [];
    const note = (name: string) => void ran.push(`${name} ${Date.now() - START_MS} ${Math.round(performance.now())}`);
    setTimeout(note, 60_000, 'timeout').unref();
    clearTimeout(setTimeout(note, 5, 'cleared'));
    setImmediate(note, 'immediate');
    const interval = setInterval(note, 25_000, 'interval');
    void delay(30_000).then(() => note('promise'));
    AbortSignal.timeout(40_000).addEventListener('abort', () => note('signal'));
    await time.run(() => ran.length === 6);
    clearInterval(interval);
    expect(ran).toEqual([
      'immediate 0 0',
      'interval 25000 25000',
      'promise 30000 30000',
      'signal 40000 40000',
      'interval 50000 50000',
      'timeout 60000 60000',
    ]);
    expect(new Date().toISOString()).toBe('2027-01-01T00:01:00.000Z');
    expect(new Date(0) instanceof Date).toBe(true);
    expect(process.hrtime.bigint()).toBe(60_000_000_000n);
  });
});

test('the same seed gives the same random values', async () => {
  const values = () => Promise.resolve([Math.random(), randomUUID(), randomBytes(4).toString('hex'), randomInt(1_000)]);
  expect(await simulated(values)).toEqual(await simulated(values));
});

test('afterwards, the real globals are back', async () => {
  const globals = () => ({ setTimeout, Date, random: Math.random, randomUUID });
  const real = globals();
  await simulated(() => Promise.resolve(expect(globals()).not.toEqual(real)));
  expect(globals()).toEqual(real);
});

test('a request over HTTP fails in simulated time', async () => {
  await simulated(async (time) => {
    let failedAt: number | null = null;
    fetch('http://instance-1:8080/').catch(() => (failedAt = time.elapsed()));
    await time.run(() => failedAt !== null);
    expect(failedAt).toBe(1);
  });
});
