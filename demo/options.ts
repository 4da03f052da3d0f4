import { parseArgs } from 'node:util';
import { FEWEST_COMPANIES } from './cast.js';

export interface DemoOptions {
  readonly seed: number;
  readonly companies: number;
  /** Leave everything running at the end, until Ctrl-C. */
  readonly keep: boolean;
}

export type ParsedOptions =
  | { readonly kind: 'options'; readonly options: DemoOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'fault'; readonly message: string };

const DEFAULT_COMPANIES = 400;
const MAX_COMPANIES = 5_000;
const SEEDS = 2 ** 32;

export const HELP = `npm run demo -- [options]

Starts Kafka, a schema registry and two instances of the processor. Plays companies through every situation that the
rules distinguish, and kills one instance meanwhile (kill -9). Then it audits, from the topics alone, whether every company
was announced exactly once, not early, and with the right content. The example dispatcher posts each announcement to a
receiver that refuses some webhooks at first and counts those that arrive.

  --companies N   number of companies, from ${FEWEST_COMPANIES} to ${MAX_COMPANIES} (default: ${DEFAULT_COMPANIES})
  --seed N        repeat the companies of an earlier run, which printed its seed (default: a random one)
  --keep          keep everything running at the end, until Ctrl-C
  --help          print this

Kafka and registry run in Docker if an engine answers. Otherwise they run as Java processes (Java 17 or later, and Maven to
download them the first time). KAFKA_BROKERS and SCHEMA_REGISTRY_URL name running ones to use instead.
Exit code: 0 if no fault was found, 1 if a fault was found or a step failed, 130 after Ctrl-C.
`;

/** @param randomSeed the seed if none is given */
export function parseOptions(argv: readonly string[], randomSeed: number): ParsedOptions {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...argv],
      options: {
        seed: { type: 'string' },
        companies: { type: 'string' },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    return { kind: 'fault', message: (error as Error).message };
  }
  if (values.help) return { kind: 'help' };
  const seed = values.seed === undefined ? randomSeed : wholeNumber(values.seed);
  const companies = values.companies === undefined ? DEFAULT_COMPANIES : wholeNumber(values.companies);
  if (seed === null || seed >= SEEDS)
    return { kind: 'fault', message: `--seed takes a whole number from 0 to ${SEEDS - 1}` };
  if (companies === null || companies < FEWEST_COMPANIES || companies > MAX_COMPANIES)
    return { kind: 'fault', message: `--companies takes a whole number from ${FEWEST_COMPANIES} to ${MAX_COMPANIES}` };
  return { kind: 'options', options: { seed, companies, keep: values.keep } };
}

function wholeNumber(text: string): number | null {
  return /^\d{1,10}$/.test(text) ? Number(text) : null;
}
