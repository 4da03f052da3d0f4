/** `company-sync repartition`. */
import type { Logger } from 'pino';
import type { Config, Flags } from '../config.js';
import { ClusterView } from '../kafka/connection/cluster-view.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { KafkaLogs } from '../kafka/reading/kafka-logs.js';
import { repartition } from '../repartition/repartition.js';
import { StoppedGroup } from '../kafka/group/stopped-group.js';
import { TopicAdmin } from '../kafka/topics/topic-admin.js';
import { kafkaTransactions } from '../kafka/transactions/transactions.js';
import { systemClock as clock } from '../lib/system-clock.js';
import { UsageError } from './usage-error.js';
import { wholeNumber } from './whole-number.js';

/** For moving the state of one partition: the most that a broker allows by default. */
const TRANSACTION_TIMEOUT_MS = 900_000;

/** @returns the exit code */
export async function repartitionCommand(
  { applicationId, topics, shadowOf, ...config }: Config,
  own: Flags,
  logger: Logger,
  print: (line: string) => void,
): Promise<number> {
  const faults: string[] = [];
  const partitions = wholeNumber(own, 'partitions', 10_000, faults);
  if (faults.length > 0) throw new UsageError(faults);
  const kafka = kafkaConfigOf({ applicationId, kafka: config.kafka }, logger);
  const cluster = new ClusterView(kafka, clock);
  const logs = new KafkaLogs({
    config: kafka,
    kind: 'compacted',
    cluster,
    groupId: applicationId,
    clock,
    onTrouble: () => undefined,
  });
  const admin = new TopicAdmin(kafka, clock);
  const group = new StoppedGroup(kafka, applicationId, clock);
  const transactions = kafkaTransactions(kafka, {
    ...{ cluster, groupId: applicationId, transactionTimeoutMs: TRANSACTION_TIMEOUT_MS, clock },
  });
  const names = {
    ...{ applicationId, input: topics.syncEvents, changelog: topics.companyState },
    shadowOf: shadowOf?.applicationId ?? null,
  };
  try {
    await repartition({ ...names, logs, transactions, admin, group, report: print }, partitions);
    return 0;
  } finally {
    await Promise.all([logs.close(), admin.close(), group.close(), cluster.close()]);
  }
}
