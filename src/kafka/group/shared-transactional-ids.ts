/**
 * Finds deployments with other names but the same transactional ids, `<applicationId>-<topic>-<partition>`. For
 * example, application `bugs-tx` with input `eu-bugsev` has the ids of application `bugs-tx-eu` with input `bugsev`.
 * They would fence each other permanently, and no broker could tell them apart.
 */
import { Backoff } from '../../lib/backoff.js';
import type { Clock } from '../../lib/clock.js';
import { noAnswerIfOutage } from '../../lib/own-fault.js';
import { retryUntil } from '../../lib/retry-until.js';
import { changelogOf } from '../../setting-values.js';
import { BrokerConnections } from '../connection/broker-connections.js';
import type { AskedCluster } from '../connection/cluster-view.js';
import { describeGroup } from '../protocol/describe-group.js';
import { Coordinator } from '../connection/coordinator.js';
import { describedRead } from './members-read.js';
import { readSubscription } from './member-messages.js';
import { isWorthRetrying } from '../protocol/protocol-errors.js';
import { TopicAdmin } from '../topics/topic-admin.js';

/** The names that a deployment's transactional ids consist of. */
export interface IdParts {
  readonly applicationId: string;
  readonly input: string;
}

export interface DeploymentWithSameIds extends IdParts {
  /** True if its group has members or offsets on its input; null if the brokers do not report that. */
  readonly inUse: true | null;
}

const LOOK_UP_TIMEOUT_MS = 5_000;
const FIRST_RETRY_MS = 20;
const MAX_RETRY_MS = 500;
const NOTHING_COMMITTED = '-1';

/** All other pairs of names that lead to the same transactional ids. */
export function namesWithSameIds({ applicationId, input }: IdParts): IdParts[] {
  const prefix = `${applicationId}-${input}`;
  const dashes = [...prefix].flatMap((character, i) => (character === '-' ? [i] : []));
  return dashes
    .filter((dash) => dash > 0 && dash < prefix.length - 1 && dash !== applicationId.length)
    .map((dash) => ({ applicationId: prefix.slice(0, dash), input: prefix.slice(dash + 1) }));
}

/**
 * Finds the first other deployment in this cluster that uses the same transactional ids. Its input topic and its
 * changelog exist, and its group reads that input. Looks each topic up by its name.
 * @throws BrokerError if the brokers give no answer
 */
export async function findDeploymentWithSameIds(
  { kafka, view, clock }: AskedCluster,
  ours: IdParts,
): Promise<DeploymentWithSameIds | null> {
  const admin = new TopicAdmin(kafka, clock);
  const connections = new BrokerConnections({ requestTimeout: LOOK_UP_TIMEOUT_MS, ...kafka }, clock);
  try {
    for (const other of namesWithSameIds(ours)) {
      const partitions = await admin.countPartitions(other.input);
      if (partitions === null) continue;
      if ((await admin.countPartitions(changelogOf(other.applicationId))) === null) continue;
      const coordinator = Coordinator.ofGroup(other.applicationId, connections, view);
      const inUse = await readsInput(coordinator, other, partitions, clock);
      if (inUse !== false) return { ...other, inUse };
    }
    return null;
  } finally {
    await Promise.all([admin.close(), connections.close()]);
  }
}

/** Whether the group reads the input; null if the coordinator does not report that. */
async function readsInput(
  coordinator: Coordinator,
  { applicationId: groupId, input }: IdParts,
  partitions: number,
  clock: Clock,
): Promise<boolean | null> {
  const pause = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
  return retryUntil({ clock, patienceMs: LOOK_UP_TIMEOUT_MS, pause, mayHelp: isWorthRetrying }, async () => {
    const { members } = await describeGroup(coordinator, groupId);
    const reads = ({ memberMetadata }: (typeof members)[number]) =>
      readSubscription(memberMetadata).topics.includes(input);
    if ([...describedRead(members)].some(reads)) return true;
    return hasOffsets(coordinator, groupId, input, partitions);
  }).catch(noAnswerIfOutage);
}

async function hasOffsets(coordinator: Coordinator, groupId: string, topic: string, count: number): Promise<boolean> {
  const partitions = Array.from({ length: count }, (_, partition) => ({ partition }));
  const { responses } = await coordinator.ask((broker) =>
    broker.offsetFetch({ groupId, topics: [{ topic, partitions }] }),
  );
  return responses.some((answer) => answer.partitions.some(({ offset }) => offset !== NOTHING_COMMITTED));
}
