import { parseArgs } from 'node:util';

export interface SteadyOptions {
  readonly kind: 'steady';
  readonly minutes: number;
  /** Records a second. */
  readonly rate: number;
  /** Seconds between two orders to start, stop or kill an instance. */
  readonly everySeconds: number;
  readonly warmUpMinutes: number;
  readonly seed: number;
}

export interface IdleOptions {
  readonly kind: 'idle';
  readonly days: number;
  readonly seed: number;
}

export type SoakOptions =
  SteadyOptions | IdleOptions | { readonly kind: 'help' } | { readonly kind: 'fault'; readonly message: string };

export const HELP = `npm run soak -- [options]

Runs for a long time and judges whether an instance grows. Prints its figures each minute, and a verdict at the end.

With a real broker: writes records at a steady rate. One instance stays, and two others are started, stopped and killed
(kill -9) at intervals. Judges resident memory, heap after a full collection, descriptors, threads, STATE_DIR, changelog
and log of the instance that stays. Then audits all announcements.

  --minutes N    how long (60)
  --rate N       records a second (300)
  --every N      seconds between two orders to start, stop or kill an instance (20)
  --warm-up N    minutes that do not count (a third of the run, 10 at most)
  --seed N       seed of the load and of the orders (1)

  --idle-month   a month without records, behind a hanging transaction of the input. Whole instances in simulated time,
                 without a broker. Judges heap, timers, connections and listeners. A day takes 5 to
                 15 minutes
  --days N       days of the idle month (30)
  --help         print this

Exit code: 0 if everything is flat and the audit is clean, 1 if not, 2 for a wrong option.
`;

const DEFAULT_WARM_UP_MINUTES = 10;

export function parseOptions(argv: readonly string[]): SoakOptions {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...argv],
      options: {
        minutes: { type: 'string', default: '60' },
        rate: { type: 'string', default: '300' },
        every: { type: 'string', default: '20' },
        'warm-up': { type: 'string' },
        seed: { type: 'string', default: '1' },
        'idle-month': { type: 'boolean', default: false },
        days: { type: 'string', default: '30' },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    return { kind: 'fault', message: (error as Error).message };
  }
  if (values.help) return { kind: 'help' };
  const [minutes, rate, everySeconds, seed, days] = [
    Number(values.minutes),
    Number(values.rate),
    Number(values.every),
    Number(values.seed),
    Number(values.days),
  ];
  const warmUpMinutes = Number(values['warm-up'] ?? Math.min(DEFAULT_WARM_UP_MINUTES, minutes / 3));
  const positive = { minutes, rate, every: everySeconds, days };
  for (const [name, value] of Object.entries(positive))
    if (!(value > 0 && value < Infinity)) return { kind: 'fault', message: `--${name} takes a number above 0` };
  if (!(warmUpMinutes >= 0 && warmUpMinutes < minutes))
    return { kind: 'fault', message: `--warm-up takes minutes from 0 to less than --minutes, which is ${minutes}` };
  if (!Number.isSafeInteger(seed)) return { kind: 'fault', message: '--seed takes a whole number' };
  if (values['idle-month']) return { kind: 'idle', days, seed };
  return { kind: 'steady', minutes, rate, everySeconds, warmUpMinutes, seed };
}
