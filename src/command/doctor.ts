/**
 * `company-sync doctor`: checks what `run` needs outside of its process (brokers, registry, topics, permissions,
 * settings, state folder), and prints one line for each check. Changes nothing.
 */
import type { Logger } from 'pino';
import type { TopicNames } from '../config.js';
import { ALL_TOPICS, type PartsOf } from '../config-parts.js';
import { decidingSettingsOf } from '../deciding-settings.js';
import { RegistryUnavailableError } from '../decode/schema-source.js';
import { ClusterView } from '../kafka/connection/cluster-view.js';
import type { KafkaConfig } from '../kafka/connection/cluster.js';
import { kafkaCommandsOf, kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { KafkaLogs } from '../kafka/reading/kafka-logs.js';
import { openTransactions, type OpenTransaction } from '../kafka/reading/open-transactions.js';
import { versionFaults } from '../kafka/connection/required-versions.js';
import { SchemaRegistry } from '../registry/schema-registry.js';
import { TopicAdmin } from '../kafka/topics/topic-admin.js';
import { checkTopics, UnfitTopicsError } from '../kafka/topics/topics.js';
import { systemClock } from '../lib/system-clock.js';
import type { Logs } from '../pipeline/ports.js';
import { exposures } from '../security-settings.js';
import { checkFirstStart, checkGroup, checkTransactionalIds } from '../start-checks.js';
import { command, flagSwitch } from './command.js';
import { examinePermissions } from './doctor-permissions.js';
import { examineStateFolder } from './doctor-state-folder.js';
import { failed, ok, warning, type Finding, type Found } from './finding.js';
import { faultOfNode } from './node-release.js';
import { printJson } from './print.js';
import { newestSchemas } from './schemas.js';
import { reasonOf } from '../lib/reason-of.js';
import type { KafkaCommand } from '../lib/shell-command.js';

/** A transaction that is open longer counts as a fault. Those of the processor take milliseconds. */
const OPEN_TRANSACTION_WAIT_MS = 3_000;

const READS = [
  ...(['applicationId', 'shadowOf', 'kafka', 'schemaRegistry', 'stateDir', 'http.host', 'http.tokens'] as const),
  ...(['allDatasetsFrom', 'eventNamespace', 'maxBatchBytes', 'consents'] as const),
  ...ALL_TOPICS,
] as const;
type ReadConfig = PartsOf<(typeof READS)[number]>;

export const doctorCommand = command({
  summary:
    'check brokers, topics, transactions, other deployments, permissions, registry, schemas and the state folder; ' +
    'change nothing',
  flags: { json: flagSwitch('print the findings as JSON: check, status (ok, warning, failed), message') },
  reads: READS,
  moreHelp: `The command prints one line for each check. If a check fails, the line says what to do. You can run it while instances run.
It does not test Write on transactional ids, because that would fence their owners. It reports a transaction that has been
open for three seconds, because readers wait behind it. Transactions of the processor take milliseconds.
`,
  exit: ['no check failed', 'a check failed'],
  async run({ config, logger, schemasFolder, addSettings, print, printData }, { json }) {
    const findings: Finding[] = [];
    for await (const finding of examine(config, logger, schemasFolder)) {
      findings.push(finding);
      if (!json) print(lineOf(finding), COLOURS[finding.status]);
    }
    if (json) {
      const shown = findings.map(({ message, ...finding }) => ({ ...finding, message: addSettings(message) }));
      printJson(shown, printData);
    }
    return findings.some(({ status }) => status === 'failed') ? 1 : 0;
  },
});

const COLOURS = { ok: undefined, warning: 'yellow', failed: 'red' } as const;

function lineOf({ check, status, message }: Finding): string {
  const label = { ok: 'ok', warning: 'warning', failed: 'FAILED' }[status];
  return `${label.padEnd(8)} ${check.padEnd(12)} ${message.replaceAll('\n', ' ')}`;
}

async function* examine(config: ReadConfig, logger: Logger, schemasFolder: string): Found {
  const fault = faultOfNode();
  if (fault !== null) yield warning('security', fault);
  for (const exposure of exposures(config)) yield warning('security', exposure);
  const kafka = kafkaConfigOf(config, logger);
  let brokersAnswer = false;
  for await (const finding of examineBrokers(config, kafka)) {
    brokersAnswer = finding.status === 'ok';
    yield finding;
  }
  if (brokersAnswer) {
    yield* examineTopics(config, kafka);
    yield* examineDeployment(config, kafka);
    yield* examinePermissions(config, kafka);
  } else yield warning('topics', 'topics and permissions were not checked, because no broker answers');
  yield* examineRegistry(config, schemasFolder);
  const clusterId = brokersAnswer ? await clusterIdOf(config, kafka) : null;
  const owner = { applicationId: config.applicationId, topic: config.topics.syncEvents };
  yield* examineStateFolder(config.stateDir, clusterId === null ? null : { ...owner, clusterId });
}

/** Returns null if the input does not exist; another check reports that. */
async function clusterIdOf(config: ReadConfig, kafka: KafkaConfig): Promise<string | null> {
  const admin = new TopicAdmin(kafka, systemClock);
  try {
    return (await admin.describe(config.topics.syncEvents))?.clusterId ?? null;
  } catch {
    return null; // The check of the topics has reported the error.
  } finally {
    await admin.close();
  }
}

async function* examineBrokers(config: ReadConfig, kafka: KafkaConfig): Found {
  const admin = new TopicAdmin(kafka, systemClock);
  try {
    const count = await admin.countBrokers(config.topics.syncEvents);
    const faults = await versionFaults(kafka, systemClock);
    for (const fault of faults) yield failed('brokers', fault);
    yield ok('brokers', `${count} up, found through ${config.kafka.brokers.join(', ')}`);
  } catch (error) {
    yield failed('brokers', `${reasonOf(error)}. Also check KAFKA_SSL and KAFKA_SASL_*`);
  } finally {
    await admin.close();
  }
}

async function* examineTopics(config: ReadConfig, kafka: KafkaConfig): Found {
  const logs = new KafkaLogs({
    config: kafka,
    topics: config.topics,
    groupId: config.applicationId,
    clock: systemClock,
    onTrouble: () => undefined, // an answer or an error follows
  });
  try {
    const topics = await checkTopics(kafka, systemClock, logs, config);
    const { partitions, warnings } = topics;
    for (const [role, count] of Object.entries(partitions))
      yield ok('topics', `${config.topics[role as keyof TopicNames]}: ${count} partition${count === 1 ? '' : 's'}`);
    for (const message of warnings) yield warning('topics', message);
    const firstStart = await checkFirstStart(config, topics, logs, systemClock);
    if (firstStart !== null) yield failed('deployment', firstStart.message);
    yield* examineTransactions(config, partitions, { logs, kafkaCommand: kafkaCommandsOf(kafka) });
  } catch (error) {
    const faults = error instanceof UnfitTopicsError ? error.faults : [reasonOf(error)];
    for (const fault of faults) yield failed('topics', fault);
  } finally {
    await logs.close();
  }
}

/**
 * Further reasons for `run` to refuse a start: another deployment uses our transactional ids, or uses our group with
 * other settings.
 */
async function* examineDeployment(config: ReadConfig, kafka: KafkaConfig): Found {
  const check = 'deployment';
  const { applicationId, topics } = config;
  const view = new ClusterView(kafka, systemClock);
  const cluster = { kafka, view, clock: systemClock };
  try {
    const registry = new SchemaRegistry(config.schemaRegistry);
    const identity = await registry.idOfFirstVersion(`${topics.companySynchronized}-value`).catch(() => null);
    const settings = decidingSettingsOf(config, identity);
    const findings = [
      await checkTransactionalIds(cluster, config),
      await checkGroup(cluster, config, settings, null),
    ].filter((finding) => finding !== null);
    for (const { kind, message } of findings)
      yield kind === 'refused' ? failed(check, message) : warning(check, message);
    if (findings.length === 0) yield ok(check, `no other deployment conflicts with application ${applicationId}`);
  } catch (error) {
    yield failed(check, reasonOf(error));
  } finally {
    await view.close();
  }
}

/**
 * Readers do not get the records after an open transaction: we wait in the input, and other readers wait in the topics
 * that we write.
 */
async function* examineTransactions(
  config: ReadConfig,
  counts: Record<keyof TopicNames, number>,
  { logs, kafkaCommand }: { readonly logs: Logs; readonly kafkaCommand: KafkaCommand },
): Found {
  const check = 'transactions';
  const partitions = Object.entries(counts).flatMap(([role, count]) =>
    Array.from({ length: count }, (_, partition) => ({ topic: config.topics[role as keyof TopicNames], partition })),
  );
  const { open, failures } = await openTransactions(logs, partitions, OPEN_TRANSACTION_WAIT_MS, systemClock);
  const readTopics = new Set([config.topics.syncEvents, config.topics.clientSettings]);
  for (const one of open)
    yield warning(check, adviceOnOpen(one, readTopics.has(one.topic) ? 'read' : 'written', kafkaCommand));
  for (const { message } of failures) yield failed(check, message);
  if (open.length === 0 && failures.length === 0) yield ok(check, 'no open transaction keeps readers waiting');
}

/**
 * In a topic that we write, the open transaction may be an acknowledged commit of ours. An abort would lose its records,
 * so no command for it is printed there.
 */
export function adviceOnOpen(
  { topic, partition, offset }: OpenTransaction,
  use: 'read' | 'written',
  kafkaCommand: KafkaCommand,
): string {
  const where = `--topic ${topic} --partition ${partition}`;
  const describe = kafkaCommand('kafka-transactions.sh', `describe-producers ${where}`);
  const abort = kafkaCommand('kafka-transactions.sh', `abort ${where} --start-offset ${offset}`);
  return (
    `${topic}/${partition}: a transaction has been open from offset ${offset} on for ${OPEN_TRANSACTION_WAIT_MS / 1000} s ` +
    `or more, and readers of committed records wait behind it. To see its owner, run ${describe}. The transaction ends at ` +
    'its timeout, at most transaction.max.timeout.ms (15 minutes by default). ' +
    (use === 'read'
      ? `If it is older than that, run ${abort}`
      : 'If it is older than that, restart the instance that runs its partition: the instance ends its own transaction as ' +
        'the brokers had decided. Do not abort it yourself: it may be a commit, and an abort would lose its records. If it ' +
        'stays open, read "A partition was left with an open transaction" in docs/operations.md')
  );
}

async function* examineRegistry(config: ReadConfig, schemasFolder: string): Found {
  const registry = new SchemaRegistry(config.schemaRegistry);
  const { companySynchronized, companySyncStalled, companySyncFailed } = config.topics;
  const written = [companySynchronized, companySyncStalled, companySyncFailed].map((topic) => `${topic}-value`);
  try {
    for (const { subject, file, schema } of await newestSchemas(config.topics, schemasFolder)) {
      const id = await registry.idOf(subject, schema);
      const verdict = id === null ? await registry.check(subject, schema) : { compatible: true as const };
      if (id !== null) yield ok('schemas', `${subject}: ${file} has id ${id}`);
      else if (!verdict.compatible)
        yield failed('schemas', `${subject}: ${file} is refused: ${verdict.reasons.join('; ')}`);
      else {
        const message = `${subject}: ${file} is not registered: run \`company-sync schemas register\``;
        yield written.includes(subject) ? failed('schemas', message) : warning('schemas', message);
      }
    }
  } catch (error) {
    if (!(error instanceof RegistryUnavailableError)) throw error;
    yield failed('registry', `${error.message}: check SCHEMA_REGISTRY_URL`);
  }
}
