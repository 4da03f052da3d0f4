import { pino } from 'pino';
import { Successors, type SuccessorsOptions } from '../../../src/ops/successors.js';
import type { StateHolder } from '../../../src/pipeline/ports.js';
import { readableLogger } from '../../support/log-lines.js';

const US: StateHolder = { memberId: 'us', httpAddress: 'http://us', standbys: [], statePositions: new Map() };

/** The log lines, as `level message`. */
async function loggedLines(options: Partial<SuccessorsOptions>): Promise<string[]> {
  const { logger, lines } = readableLogger();
  const never = new Promise<void>(() => undefined);
  await new Successors({
    partitions: () => [2, 0, 1],
    statePositions: () => new Map([0, 1, 2].map((partition) => [partition, 100_000 * (partition + 1)])),
    memberId: () => 'us',
    holders: () => Promise.resolve([US]),
    client: { standbyPositions: () => Promise.resolve(new Map()) },
    clock: { now: () => 0, delay: () => never },
    logger,
    ...options,
  }).report();
  return lines.map(({ level, msg }) => `${pino.levels.labels[level]} ${msg}`);
}

test('partitions with the same result share a line, and the current position of a standby is used', async () => {
  const one = { memberId: 'one', httpAddress: 'http://one', standbys: [0, 1], statePositions: new Map([[0, 5]]) };
  const other = { memberId: 'other', httpAddress: null, standbys: [], statePositions: new Map([[2, 299_000]]) };
  const positions = new Map([
    [0, 99_990],
    [1, 199_000],
  ]);
  const lines = await loggedLines({
    holders: () => Promise.resolve([one, US, other]),
    client: { standbyPositions: (address) => Promise.resolve(address === 'http://one' ? positions : new Map()) },
  });
  expect(lines).toEqual([
    'info partitions 0, 1: a standby on http://one is up to 1000 changelog records behind',
    'info partition 2: the state on other is up to 1000 changelog records behind',
  ]);
});

test('a standby that does not answer counts with its position at its last join', async () => {
  const one = {
    memberId: 'one',
    httpAddress: 'http://one',
    standbys: [0, 1, 2],
    statePositions: new Map([[0, 99_000]]),
  };
  const lines = await loggedLines({
    holders: () => Promise.resolve([US, one]),
    client: { standbyPositions: () => Promise.reject(new Error('frozen')) },
  });
  expect(lines).toEqual([
    'info partition 0: a standby on http://one is up to 1000 changelog records behind',
    'warn partitions 1, 2: no other instance holds their state, so the next owner restores up to 300000 changelog records',
  ]);
});

test('an address that is our own as well is not asked', async () => {
  const one = { memberId: 'one', httpAddress: 'http://us', standbys: [0, 1, 2], statePositions: new Map() };
  const standbyPositions = jest.fn(() => Promise.resolve(new Map<number, number>()));
  await loggedLines({ holders: () => Promise.resolve([US, one]), client: { standbyPositions } });
  expect(standbyPositions).not.toHaveBeenCalled();
});

test('a stop does not wait for missing answers', async () => {
  const lines = await loggedLines({
    holders: () => new Promise(() => undefined),
    clock: { now: () => 0, delay: () => Promise.resolve() },
  });
  expect(lines).toEqual(['warn partitions 0, 1, 2: could not find out whether another instance holds their state']);
});
