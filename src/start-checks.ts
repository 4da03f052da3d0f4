/**
 * The reasons for `run` to refuse a start: the start would later cause an announcement that is repeated, missing or
 * wrong. `doctor` checks the same, except the settings that built the state: an instance compares them at its first
 * take-over.
 */
import type { Config, DeploymentNames } from './config.js';
import type { DecidingSettings } from './deciding-settings.js';
import type { AskedCluster } from './kafka/connection/cluster-view.js';
import { findGroupConflict } from './kafka/group/group-conflicts.js';
import { findDeploymentWithSameIds, type DeploymentWithSameIds } from './kafka/group/shared-transactional-ids.js';
import { findUsedOutbound, type UsedOutbound } from './kafka/topics/used-outbound.js';
import type { CheckedTopics } from './kafka/topics/topics.js';
import type { Clock } from './lib/clock.js';
import type { LogRecord } from './lib/record.js';
import type { Logs } from './pipeline/ports.js';
import { eventIdNamespace, eventIdOf } from './publish/event-id.js';
import type { Consent } from './setting-values.js';

/** Something outside the process is not as required. The process ends with this message, and an operator must act. */
export class StartupError extends Error {
  override readonly name = 'StartupError';
}

/** This instance needs another configuration, or a consent. The process ends as it does for a bad setting. */
export class MisconfiguredError extends Error {
  override readonly name = 'MisconfiguredError';
}

/** The result of a check. If it is `refused`, `run` does not start; a `warning` is only logged. */
export type StartFinding = { readonly kind: 'refused' | 'warning'; readonly message: string };

/** Checks whether another deployment uses the same transactional ids. @throws BrokerError */
export async function checkTransactionalIds(
  cluster: AskedCluster,
  { applicationId, topics }: DeploymentNames,
): Promise<StartFinding | null> {
  const other = await findDeploymentWithSameIds(cluster, { applicationId, input: topics.syncEvents });
  return other === null ? null : sharedIds({ applicationId, topics }, other);
}

function sharedIds({ applicationId, topics }: DeploymentNames, other: DeploymentWithSameIds): StartFinding {
  const ids = `${applicationId}-${topics.syncEvents}-<partition>`;
  const conflict =
    `application ${applicationId} with input ${topics.syncEvents} and application ${other.applicationId} with input ` +
    `${other.input} have the same transactional ids, ${ids}`;
  const remedy = 'give the newer of the two another APPLICATION_ID, one that leads to other transactional ids';
  return other.inUse === true
    ? { kind: 'refused', message: `${conflict}: they would fence each other permanently. To start, ${remedy}` }
    : {
        kind: 'warning',
        message:
          `${conflict}. The brokers do not say whether the group ${other.applicationId} is in use (this needs Describe ` +
          `on the group). If the group is in use, they will fence each other permanently: ${remedy}`,
      };
}

type StartConfig = DeploymentNames & Pick<Config, 'shadowOf' | 'eventNamespace' | 'consents'>;

/** The consent that a first start on a used outbound topic needs. */
const USED_OUTBOUND: Consent = 'used-outbound-topic';

/**
 * Checks whether this is a first start that would announce companies again that another deployment has announced.
 * @throws BrokerError
 */
export async function checkFirstStart(
  config: StartConfig,
  { partitions, changelogIsEmpty }: Pick<CheckedTopics, 'partitions' | 'changelogIsEmpty'>,
  logs: Logs,
  clock: Clock,
): Promise<StartFinding | null> {
  if (!changelogIsEmpty || config.consents.includes(USED_OUTBOUND)) return null;
  const { topics } = config;
  const firstStart = {
    input: { topic: topics.syncEvents, partitions: partitions.syncEvents },
    changelog: { topic: topics.companyState, partitions: partitions.companyState },
    outbound: { topic: topics.companySynchronized, partitions: partitions.companySynchronized },
  };
  const used = await findUsedOutbound(logs, firstStart, clock);
  if (used === null) return null;
  return { kind: 'refused', message: usedOutbound(config, partitions.companySynchronized, used) };
}

function usedOutbound(
  config: StartConfig,
  outboundPartitions: number,
  { records, usedPartitions, sample }: UsedOutbound,
) {
  const { applicationId, topics, shadowOf } = config;
  return (
    `application ${applicationId} has never run (its changelog ${topics.companyState} is empty, and its group has no ` +
    `offsets), but the topic ${topics.companySynchronized} has been written to: ${records} records are left in it, and ` +
    `${usedPartitions} of ${outboundPartitions} partitions were used. Companies announced there whose events are still ` +
    `in ${topics.syncEvents} would be announced again, ${whichIds(config, sample)}. If APPLICATION_ID is wrong, correct ` +
    `it. To start anyway: company-sync run${shadowOf === null ? '' : ' --shadow'} --consent ${USED_OUTBOUND}`
  );
}

/** Whether the repeated announcements would have the same event ids, judged by one announcement in the topic. */
function whichIds({ eventNamespace }: StartConfig, sample: UsedOutbound['sample']): string {
  const id = sample === null ? null : textOf(sample, 'ce_id');
  if (sample?.key == null || id === null)
    return 'with the same event ids only if EVENT_NAMESPACE is that of the former deployment';
  const source = textOf(sample, 'ce_source');
  const by = source === null ? '' : ` (${source} wrote the first one)`;
  return id === eventIdOf(sample.key.toString(), eventIdNamespace(eventNamespace))
    ? `with the same event ids${by}`
    : `with other event ids${by}: set EVENT_NAMESPACE to that of the former deployment to keep the ids`;
}

function textOf({ headers }: Pick<LogRecord, 'headers'>, name: string): string | null {
  return headers.find(({ key }) => key === name)?.value?.toString() ?? null;
}

/**
 * Checks whether the group has members that decide by other settings, or members that are not of company-sync.
 * @param ignored the id of this instance as a member, now or before; null if it was never a member
 */
export async function checkGroup(
  cluster: AskedCluster,
  { applicationId, topics }: DeploymentNames,
  settings: DecidingSettings,
  ignored: string | null,
): Promise<StartFinding | null> {
  const terms = { topic: topics.syncEvents, settings };
  const conflict = await findGroupConflict(cluster, applicationId, terms, ignored);
  if (conflict === null) return null;
  return {
    kind: 'refused',
    message:
      `this instance must not run in group ${applicationId}: ${conflict}. All instances of an application id must have ` +
      'the same deciding settings, and nothing else may be in its group. Correct the setting that is wrong, or choose ' +
      'another APPLICATION_ID. A killed member leaves the group after 10 s',
  };
}
