/** The options of `npm run chaos`. */
import { parseArgs } from 'node:util';
import { KAFKA_VERSION, KAFKA_VERSIONS } from '../cluster/versions.js';
import { FAULT_KINDS, type FaultKind, type PlanOptions } from './schedule.js';

export interface ChaosOptions extends PlanOptions {
  readonly kind: 'chaos';
  /** The release of Kafka. */
  readonly kafka: string;
}

export interface MatrixOptions {
  readonly kind: 'matrix';
  readonly runs: readonly ChaosOptions[];
}

export type ParsedOptions =
  ChaosOptions | MatrixOptions | { readonly kind: 'help' } | { readonly kind: 'wrong'; readonly message: string };

const DEFAULT_SECONDS = 60;
const SEEDS = 1_000_000;

export const HELP = `npm run chaos -- [options]

Breaks a real cluster under load, and then audits every announcement. It starts three brokers, a schema registry and one
to four instances, each as its own process. It writes records all the time, and breaks one process after another. At the
end, it repairs everything, waits until all records are processed, and audits the topics.

  --seed N         which faults happen and when, and which records are written (random; printed at the begin)
  --seconds N      how long the load and the faults last (${DEFAULT_SECONDS})
  --kafka VERSION  the release of the brokers: ${KAFKA_VERSIONS.join(', ')} (${KAFKA_VERSION})
  --fault 'NAME'   only this kind of fault; may be repeated
  --matrix         one run with each of these releases, one after another; the next run has the next seed
  --help           print this

Faults
  instance killed   kill -9 of an instance, and a start up to 8 s later
  instance frozen   an instance stops for longer than its session, and wakes up when others have its partitions
  state lost        kill -9 of an instance, and a start with an empty STATE_DIR
  older state       kill -9 of an instance, and a start with a copy of its STATE_DIR that is some seconds old
  swapped state     kill -9 of two instances, and a start of each with the STATE_DIR of the other
  disk full         no file of an instance can be written for 3 to 12 s (needs prlimit)
  broker killed     kill -9 of a broker, and a start up to 8 s later. Two brokers always stay up
  broker frozen     a broker stops until the others have elected new leaders, and wakes up with old answers
  brokers rolled    an orderly restart of all brokers, one after another
  broker cut off    a broker loses its peers for 5 to 12 s, and still serves clients (needs network namespaces)
  brokers cut apart two brokers lose each other for 2 to 10 s, and both reach the third one (needs network namespaces)
  group coordinator moved         the coordinator of the group moves to another broker, and back up to 5 s later
  transaction coordinators moved  those of all transactions move to other brokers, and back up to 5 s later
  registry down     kill -9 of the schema registry, and a start up to 12 s later
  quota             for 4 to 15 s, the brokers throttle the writes and requests of all instances
Faults that the machine does not allow are left out, and the output says so. Network namespaces need root.
The seed also chooses whether faults come one at a time or overlap.

Examples
  npm run build && npm run chaos                           one minute, another seed each time
  npm run chaos -- --seed 7 --seconds 600 --kafka 3.9.1    ten minutes with an older broker
  npm run chaos -- --seed 7 --fault 'broker killed'        one kind of fault alone
  npm run chaos -- --seed 7 --matrix --seconds 120         two minutes with each release

The seed decides the faults and their times, and the records. It does not decide what the processes do in between: run the
same seed several times to meet a rare order of events again.

Exit codes: 0 all is right, 1 an anomaly or no rest (prints how to replay it, and where the logs are), 2 a wrong option
`;

export function parseOptions(argv: readonly string[], randomSeed: number): ParsedOptions {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...argv],
      options: {
        seed: { type: 'string', default: String(randomSeed % SEEDS) },
        seconds: { type: 'string', default: String(DEFAULT_SECONDS) },
        kafka: { type: 'string' },
        fault: { type: 'string', multiple: true },
        matrix: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    return { kind: 'wrong', message: `${(error as Error).message}. \`npm run chaos -- --help\` prints the options` };
  }
  if (values.help) return { kind: 'help' };
  const { kafka = KAFKA_VERSION, matrix } = values;
  if (matrix && values.kafka !== undefined)
    return { kind: 'wrong', message: '--matrix has all releases: leave --kafka out' };
  const [seed, seconds] = [Number(values.seed), Number(values.seconds)];
  const kinds = values.fault ?? FAULT_KINDS;
  if (!/^\d{1,15}$/.test(values.seed)) return { kind: 'wrong', message: '--seed takes a whole number from 0 on' };
  if (!(seconds > 0 && seconds < Infinity)) return { kind: 'wrong', message: '--seconds takes a number above 0' };
  if (!KAFKA_VERSIONS.includes(kafka))
    return { kind: 'wrong', message: `--kafka takes one of ${KAFKA_VERSIONS.join(', ')}` };
  if (!kinds.every(isFaultKind)) return { kind: 'wrong', message: `--fault takes one of: ${FAULT_KINDS.join(', ')}` };
  const run = (release: string, nth: number): ChaosOptions => ({
    kind: 'chaos',
    seed: seed + nth,
    seconds,
    kafka: release,
    kinds,
  });
  return matrix ? { kind: 'matrix', runs: KAFKA_VERSIONS.map(run) } : run(kafka, 0);
}

function isFaultKind(name: string): name is FaultKind {
  return (FAULT_KINDS as readonly string[]).includes(name);
}

/** The command that runs the same faults and records again. */
export function replayCommand({ seed, seconds, kafka, kinds }: ChaosOptions): string {
  const chosen = kinds.length === FAULT_KINDS.length ? [] : kinds.map((kind) => ` --fault '${kind}'`);
  return `npm run chaos -- --seed ${seed} --seconds ${seconds} --kafka ${kafka}${chosen.join('')}`;
}
