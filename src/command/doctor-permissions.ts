/** Finds the permissions that `run` needs and the brokers do not give, with the command that gives each. */
import type { Config, TopicNames } from '../config.js';
import type { KafkaConfig } from '../kafka/connection/cluster.js';
import { Permissions, type Operation } from '../kafka/topics/permissions.js';
import { systemClock } from '../lib/system-clock.js';
import { failed, ok, reasonOf, warning, type Finding, type Found } from './finding.js';
import { shellQuoted } from './printed-command.js';

const NEEDED_ON_TOPICS: Readonly<Record<keyof TopicNames, readonly Operation[]>> = {
  syncEvents: ['READ', 'DESCRIBE', 'DESCRIBE_CONFIGS'],
  companySynchronized: ['READ', 'WRITE', 'DESCRIBE', 'DESCRIBE_CONFIGS'],
  companyState: ['READ', 'WRITE', 'DESCRIBE', 'DESCRIBE_CONFIGS'],
  deadLetter: ['WRITE', 'DESCRIBE', 'DESCRIBE_CONFIGS'],
  clientSettings: ['READ', 'DESCRIBE', 'DESCRIBE_CONFIGS'],
  companySyncStalled: ['WRITE', 'DESCRIBE', 'DESCRIBE_CONFIGS'],
};
const NEEDED_ON_GROUP: readonly Operation[] = ['READ', 'DESCRIBE'];
/** Optional: without it, the size of the changelog is not known. */
const USED_ON_CLUSTER: readonly Operation[] = ['DESCRIBE'];

/** The names of operations in arguments of kafka-acls.sh. */
const IN_COMMAND: Readonly<Record<Operation, string>> = {
  READ: 'Read',
  WRITE: 'Write',
  DESCRIBE: 'Describe',
  DESCRIBE_CONFIGS: 'DescribeConfigs',
};

type CheckedConfig = Pick<Config, 'applicationId' | 'topics' | 'kafka'>;

export async function* examinePermissions(config: CheckedConfig, kafka: KafkaConfig): Found {
  const permissions = new Permissions(kafka, systemClock);
  try {
    const lacks = await lacksOf(config, permissions);
    yield* lacks;
    if (lacks.length === 0) yield ok('permissions', 'the brokers allow everything that was checked');
  } catch (error) {
    yield failed('permissions', reasonOf(error));
  } finally {
    await permissions.close();
  }
}

async function lacksOf(config: CheckedConfig, permissions: Permissions): Promise<Finding[]> {
  const { applicationId, topics } = config;
  const lacks: Finding[] = [];
  for (const [role, needed] of Object.entries(NEEDED_ON_TOPICS)) {
    const topic = topics[role as keyof TopicNames];
    const missing = await permissions.lackingOnTopic(topic, needed);
    if (missing.length > 0)
      lacks.push(failed('permissions', denied(config, missing, `topic ${topic}`, `--topic ${topic}`)));
  }
  const onGroup = await permissions.lackingOnGroup(applicationId, NEEDED_ON_GROUP);
  if (onGroup.length > 0)
    lacks.push(failed('permissions', denied(config, onGroup, `group ${applicationId}`, `--group ${applicationId}`)));
  const prefix = `${applicationId}-${topics.syncEvents}-`;
  if (!(await permissions.mayDescribeTransactionalId(`${prefix}0`))) {
    const where = `the transactional ids that begin with ${prefix}`;
    const resource = `--transactional-id ${prefix} --resource-pattern-type prefixed`;
    lacks.push(failed('permissions', denied(config, ['DESCRIBE', 'WRITE'], where, resource)));
  }
  const onCluster = await permissions.lackingOnCluster(USED_ON_CLUSTER);
  if (onCluster.length > 0) {
    const denial = denied(config, onCluster, 'the cluster', '--cluster');
    lacks.push(warning('permissions', `without it, the size of the changelog is not known: ${denial}`));
  }
  return lacks;
}

/** @param resource the arguments of kafka-acls.sh that name it */
function denied({ kafka }: CheckedConfig, operations: readonly Operation[], where: string, resource: string): string {
  const principal = shellQuoted(`User:${kafka.sasl?.username ?? '<name>'}`);
  const granted = operations.map((operation) => `--operation ${IN_COMMAND[operation]}`).join(' ');
  return (
    `the brokers do not allow ${operations.join(', ')} on ${where}: run kafka-acls.sh --bootstrap-server ` +
    `${kafka.brokers.join(',')} --add --allow-principal ${principal} ${granted} ${resource}`
  );
}
