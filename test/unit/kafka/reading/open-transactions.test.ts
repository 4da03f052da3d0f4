import { openTransactions } from '../../../../src/kafka/reading/open-transactions.js';
import { BrokerError } from '../../../../src/pipeline/errors.js';
import { SteppedClock } from '../../../support/clocks.js';
import { SEEN_BY_MOST } from '../../../support/seen-by-most.js';

const PATIENCE_MS = 3_000;

/** Logs whose last stable offsets and high watermarks change with each wait. */
function logsOf(...looks: Readonly<Record<string, readonly [stable: number, watermark: number]>>[]) {
  const clock = new SteppedClock();
  const boundsOf = (topic: string) => looks[clock.delaysMs.length]?.[topic] ?? [0, 0];
  return {
    clock,
    logs: {
      bounds: ({ topic }: { topic: string }) => {
        const [end, highWatermark] = boundsOf(topic);
        return Promise.resolve({ start: 0, end, highWatermark, ...SEEN_BY_MOST });
      },
    },
  };
}

const at = (topic: string) => ({ topic, partition: 0 });

test('without open transactions there is no wait', async () => {
  const { logs, clock } = logsOf({ a: [5, 5], b: [0, 0] });
  expect(await openTransactions(logs, [at('a'), at('b')], PATIENCE_MS, clock)).toEqual({ open: [], failures: [] });
  expect(clock.delaysMs).toEqual([]);
});

test('a transaction that is still open after the wait is reported; one that has ended is not', async () => {
  const before = { hangs: [5, 7], ended: [5, 7], next: [5, 7], late: [3, 3] } as const;
  const after = { hangs: [5, 90], ended: [8, 8], next: [8, 9], late: [3, 4] } as const;
  const { logs, clock } = logsOf(before, after);
  const found = await openTransactions(logs, Object.keys(before).map(at), PATIENCE_MS, clock);
  expect(found).toEqual({ open: [{ topic: 'hangs', partition: 0, offset: 5 }], failures: [] });
  expect(clock.delaysMs).toEqual([PATIENCE_MS]);
});

test('a partition that cannot be checked does not hide another one', async () => {
  const { logs, clock } = logsOf({ hangs: [5, 7] }, { hangs: [5, 7] });
  const failure = new BrokerError('no leader');
  const bounds = (of: { topic: string }) => (of.topic === 'silent' ? Promise.reject(failure) : logs.bounds(of));
  const found = await openTransactions({ bounds }, ['silent', 'hangs'].map(at), PATIENCE_MS, clock);
  expect(found).toEqual({ open: [{ topic: 'hangs', partition: 0, offset: 5 }], failures: [failure] });
});

test('no command is given for a transaction that too few brokers report', async () => {
  const { clock } = logsOf();
  const bounds = () => Promise.resolve({ start: 0, end: 5, highWatermark: 7, ...SEEN_BY_MOST, byMost: false });
  const { open, failures } = await openTransactions({ bounds }, [at('a')], PATIENCE_MS, clock);
  expect(open).toEqual([]);
  expect(failures).toMatchObject([{ message: expect.stringContaining('too few brokers answer') as string }]);
});
