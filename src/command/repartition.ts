/** `company-sync repartition`. */
import { ClusterView } from '../kafka/connection/cluster-view.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { repartition } from '../repartition/repartition.js';
import { removeLeftRows } from '../repartition/changelog-rows-on-disk.js';
import { StoppedGroup } from '../kafka/group/stopped-group.js';
import { TopicAdmin } from '../kafka/topics/topic-admin.js';
import { kafkaTransactions } from '../kafka/transactions/transactions.js';
import { UnfencedTransactions } from '../kafka/transactions/unfenced-transactions.js';
import { TRANSACTION_TIMEOUT_MS } from '../kafka/topics/transaction-timeout.js';
import { systemClock as clock } from '../lib/system-clock.js';
import { command, countFlag, type CommandContext } from './command.js';
import { commandLogs, LOGS_READ } from './command-logs.js';

const READS = [
  ...LOGS_READ,
  ...(['shadowOf', 'topics.syncEvents', 'topics.companyState'] as const),
  ...(['topics.companySynchronized', 'topics.deadLetter'] as const),
  ...(['topics.companySyncStalled', 'topics.companySyncFailed'] as const),
] as const;

export const repartitionCommand = command({
  summary: 'move the state to more input partitions; stop all instances first',
  flags: {
    partitions: countFlag(
      10_000,
      'new number of partitions of the input (default: the present number, if the input has already grown)',
    ),
  },
  reads: READS,
  moreHelp: `Stop all producers of the input, let the processor consume everything, and stop all instances. Then run this command.
It also adds the partitions to the input and to the changelog. Start everything again when it has printed 'done', not before.
You can keep the state folders of the instances. The producers must use Kafka's default partitioner: the command refuses any other.
If the command is interrupted, run it again: it continues where it stopped. Until it has finished, no partition runs.
It needs space for the state of one partition in TMPDIR. If the command is killed, its copy stays there until you run the
command again.

  company-sync repartition --partitions 24
`,
  exit: ['the state was moved', 'refused, or not finished: do what the message says, and run the command again'],
  run: (context, { partitions }) => moveState(context, partitions),
});

async function moveState(context: CommandContext<(typeof READS)[number]>, partitions: number | null): Promise<number> {
  const { config, logger, print } = context;
  const { applicationId, topics, shadowOf } = config;
  const kafka = kafkaConfigOf(config, logger);
  const cluster = new ClusterView(kafka, clock);
  const logs = commandLogs('repartition', context, { topics, cluster, asInstances: true });
  const admin = new TopicAdmin(kafka, clock);
  const group = new StoppedGroup(kafka, applicationId, clock);
  const transactions = kafkaTransactions(kafka, {
    cluster,
    groupId: applicationId,
    transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
    clock,
  });
  const unfenced = new UnfencedTransactions(kafka, cluster, clock);
  const names = {
    applicationId,
    input: topics.syncEvents,
    changelog: topics.companyState,
    outbound: [topics.companySynchronized, topics.deadLetter, topics.companySyncStalled, topics.companySyncFailed],
    shadowOf: shadowOf?.applicationId ?? null,
  };
  try {
    for (const folder of await removeLeftRows(clock.now()))
      print(`removed ${folder}, which an interrupted repartitioning had left`);
    await repartition({ ...names, logs, transactions, unfenced, admin, group, clock, report: print }, partitions);
    return 0;
  } finally {
    await Promise.all([logs.close(), admin.close(), group.close(), unfenced.close(), cluster.close()]);
  }
}
