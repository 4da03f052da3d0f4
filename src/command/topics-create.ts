/** `company-sync topics create`. */
import type { Logger } from 'pino';
import type { Config, Flags } from '../config.js';
import { kafkaConfigOf } from '../kafka/kafka-config.js';
import { createTopics, type TopicOutcome } from '../kafka/topics.js';
import { systemClock } from '../lib/system-clock.js';
import { UsageError } from './usage-error.js';

/** @returns the exit code */
export async function createTopicsCommand(
  config: Config,
  own: Flags,
  logger: Logger,
  print: (line: string) => void,
): Promise<number> {
  const faults: string[] = [];
  const partitions = wholeNumber(own, 'partitions', 10_000, faults);
  const replicationFactor = wholeNumber(own, 'replication-factor', 100, faults);
  if (faults.length > 0) throw new UsageError(faults);
  const options = {
    names: config.topics,
    ...(partitions === null ? {} : { partitions }),
    ...(replicationFactor === null ? {} : { replicationFactor }),
  };
  for await (const outcome of createTopics(kafkaConfigOf(config, logger), systemClock, options))
    print(describe(outcome));
  return 0;
}

function wholeNumber(flags: Flags, flag: string, max: number, faults: string[]): number | null {
  const text = flags[flag];
  if (text === undefined) return null;
  const value = Number(text);
  if (text !== true && Number.isInteger(value) && value >= 1 && value <= max) return value;
  faults.push(`--${flag} is ${JSON.stringify(text)}: expected a whole number from 1 to ${max}`);
  return null;
}

function describe({ topic, outcome, partitions, differences }: TopicOutcome): string {
  const line = `${topic}: ${outcome === 'created' ? 'created' : 'was there'}, ${partitions} partitions`;
  const differing = differences.map(({ what, is, planned }) => `\n  ${what} is ${is}, a new one would have ${planned}`);
  return line + differing.join('');
}
