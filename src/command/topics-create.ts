/** `company-sync topics create`. */
import type { Logger } from 'pino';
import type { Config, Flags } from '../config.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { createTopics, type TopicOutcome } from '../kafka/topics/topics.js';
import { systemClock } from '../lib/system-clock.js';
import { UsageError } from './usage-error.js';
import { wholeNumber } from './whole-number.js';

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

function describe({ topic, outcome, partitions, differences }: TopicOutcome): string {
  const line = `${topic}: ${outcome === 'created' ? 'created' : 'was there'}, ${partitions} partitions`;
  const differing = differences.map(({ what, is, planned }) => `\n  ${what} is ${is}, a new one would have ${planned}`);
  return line + differing.join('');
}
