/** `company-sync topics create`. */
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { createTopics, type TopicOutcome } from '../kafka/topics/topics.js';
import { systemClock } from '../lib/system-clock.js';
import { command, countFlag } from './command.js';

export const topicsCreateCommand = command({
  summary: 'create the topics that are missing, and print what was done',
  flags: {
    partitions: countFlag(10_000, 'partitions of each new topic except client-settings (default: 12)'),
    'replication-factor': countFlag(
      100,
      'copies of each partition (default: 3, or the number of brokers if that is less)',
    ),
  },
  exit: ['all topics are there', 'a topic could not be made or looked at'],
  async run({ config, logger, print }, { partitions, 'replication-factor': replicationFactor }) {
    const options = {
      names: config.topics,
      ...(partitions === null ? {} : { partitions }),
      ...(replicationFactor === null ? {} : { replicationFactor }),
    };
    for await (const outcome of createTopics(kafkaConfigOf(config, logger), systemClock, options))
      print(describe(outcome));
    return 0;
  },
});

function describe({ topic, outcome, partitions, differences }: TopicOutcome): string {
  const line = `${topic}: ${outcome === 'created' ? 'created' : 'was there'}, ${partitions} partitions`;
  const differing = differences.map(({ what, is, planned }) => `\n  ${what} is ${is}, a new one would have ${planned}`);
  return line + differing.join('');
}
