/** `company-sync topics create`. */
import { ALL_TOPICS } from '../config-parts.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { createTopics, type TopicOutcome } from '../kafka/topics/topics.js';
import { systemClock } from '../lib/system-clock.js';
import { command, countFlag } from './command.js';

export const topicsCreateCommand = command({
  summary: 'create missing topics, and print the result for each topic',
  flags: {
    partitions: countFlag(10_000, 'number of partitions of each new topic except client-settings (default: 12)'),
    'replication-factor': countFlag(
      100,
      'number of replicas of each partition (default: 3, or the number of brokers if that is less)',
    ),
  },
  reads: ['applicationId', 'kafka', ...ALL_TOPICS],
  exit: ['all topics exist', 'a topic could not be created or examined'],
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
  const line = `${topic}: ${outcome === 'created' ? 'created' : 'existed'}, ${partitions} partitions`;
  const differing = differences.map(
    ({ property, is, planned }) => `\n  ${property} is ${is}; a new topic would have ${planned}`,
  );
  return line + differing.join('');
}
