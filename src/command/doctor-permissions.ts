/** Finds the permissions that `run` needs and the brokers do not give, with the command that gives each. */
import type { Config, TopicNames } from '../config.js';
import type { KafkaConfig } from '../kafka/connection/cluster.js';
import { Permissions, type Operation } from '../kafka/topics/permissions.js';
import { systemClock } from '../lib/system-clock.js';
import { failed, ok, warning, type Finding, type Found } from './finding.js';
import { kafkaCommandsOf } from '../kafka/connection/kafka-config.js';
import { shellQuoted, type KafkaCommand } from '../lib/shell-command.js';
import { reasonOf } from '../lib/reason-of.js';

const NEEDED_ON_TOPICS: Readonly<Record<keyof TopicNames, readonly Operation[]>> = {
  syncEvents: ['READ', 'DESCRIBE', 'DESCRIBE_CONFIGS'],
  companySynchronized: ['READ', 'WRITE', 'DESCRIBE', 'DESCRIBE_CONFIGS'],
  companyState: ['READ', 'WRITE', 'DESCRIBE', 'DESCRIBE_CONFIGS'],
  deadLetter: ['WRITE', 'DESCRIBE', 'DESCRIBE_CONFIGS'],
  clientSettings: ['READ', 'DESCRIBE', 'DESCRIBE_CONFIGS'],
  companySyncStalled: ['WRITE', 'DESCRIBE', 'DESCRIBE_CONFIGS'],
  companySyncFailed: ['WRITE', 'DESCRIBE', 'DESCRIBE_CONFIGS'],
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
    const lacks = await lacksOf(config, permissions, {
      principal: shellQuoted(`User:${config.kafka.sasl?.username ?? '<name>'}`),
      commands: kafkaCommandsOf(kafka),
    });
    yield* lacks;
    if (lacks.length === 0) yield ok('permissions', 'the brokers allow everything that was checked');
  } catch (error) {
    yield failed('permissions', reasonOf(error));
  } finally {
    await permissions.close();
  }
}

/** What the printed commands need to know. */
interface Allowing {
  /** Quoted for a shell. */
  readonly principal: string;
  readonly commands: KafkaCommand;
}

async function lacksOf(
  { applicationId, topics }: CheckedConfig,
  permissions: Permissions,
  allowing: Allowing,
): Promise<Finding[]> {
  const lacks: Finding[] = [];
  for (const [role, needed] of Object.entries(NEEDED_ON_TOPICS)) {
    const topic = topics[role as keyof TopicNames];
    const missing = await permissions.lackingOnTopic(topic, needed);
    if (missing.length > 0)
      lacks.push(failed('permissions', denied(allowing, missing, `topic ${topic}`, `--topic ${topic}`)));
  }
  const onGroup = await permissions.lackingOnGroup(applicationId, NEEDED_ON_GROUP);
  if (onGroup.length > 0)
    lacks.push(failed('permissions', denied(allowing, onGroup, `group ${applicationId}`, `--group ${applicationId}`)));
  const prefix = `${applicationId}-${topics.syncEvents}-`;
  if (!(await permissions.mayDescribeTransactionalId(`${prefix}0`))) {
    const where = `the transactional ids that begin with ${prefix}`;
    const resource = `--transactional-id ${prefix} --resource-pattern-type prefixed`;
    lacks.push(failed('permissions', denied(allowing, ['DESCRIBE', 'WRITE'], where, resource)));
  }
  const onCluster = await permissions.lackingOnCluster(USED_ON_CLUSTER);
  if (onCluster.length > 0) {
    const denial = denied(allowing, onCluster, 'the cluster', '--cluster');
    lacks.push(warning('permissions', `without it, the size of the changelog is not known: ${denial}`));
  }
  return lacks;
}

/** @param resource the arguments of kafka-acls.sh that name it */
function denied(
  { principal, commands }: Allowing,
  operations: readonly Operation[],
  where: string,
  resource: string,
): string {
  const granted = operations.map((operation) => `--operation ${IN_COMMAND[operation]}`).join(' ');
  const command = commands('kafka-acls.sh', `--add --allow-principal ${principal} ${granted} ${resource}`);
  return `the brokers do not allow ${operations.join(', ')} on ${where}: run ${command}`;
}
