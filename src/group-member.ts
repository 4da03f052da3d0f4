/**
 * This instance as a member of the consumer group: what it reports to the group's leader, and what happens if
 * membership ends.
 */
import type { Logger } from 'pino';
import type { Config } from './config.js';
import type { DecidingSettings } from './deciding-settings.js';
import { createAssignor } from './kafka/group/assignor.js';
import type { ClusterView } from './kafka/connection/cluster-view.js';
import { KafkaGroupMembership } from './kafka/group/group-membership.js';
import { MembershipLostError } from './kafka/group/membership-errors.js';
import type { RememberedMember } from './kafka/group/remembered-member.js';
import { TrueCoordinator } from './kafka/group/true-coordinator.js';
import type { Clock } from './lib/clock.js';
import type { FailureWatch } from './ops/failure-watch.js';
import type { StatePositions } from './pipeline/state-positions.js';
import type { Surroundings } from './surroundings.js';

export interface GroupMemberOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly surroundings: Pick<Surroundings, 'kafka'>;
  readonly cluster: ClusterView;
  readonly remembered: RememberedMember;
  readonly decidingSettings: DecidingSettings;
  readonly statePositions: StatePositions;
  readonly failures: FailureWatch;
  /** Number of partitions of the input. */
  readonly partitions: number;
  /** The address at which other instances reach this one; null while it is unknown. */
  readonly httpAddress: () => string | null;
  /** The partitions that this instance runs. */
  readonly running: () => number[];
  /** Called when the membership ends without `stop`. */
  readonly onCrash: (error: Error) => void;
}

export function createMembership(options: GroupMemberOptions): KafkaGroupMembership {
  const { config, logger, clock, surroundings, cluster, remembered } = options;
  const { decidingSettings, statePositions, failures, onCrash } = options;
  const { applicationId: groupId, topics, numStandby } = config;
  const topic = topics.syncEvents;
  const membership: KafkaGroupMembership = new KafkaGroupMembership({
    kafka: surroundings.kafka,
    clock,
    groupId,
    topic,
    logger,
    remembered,
    coordinator: new TrueCoordinator({ cluster, groupId, clock, logger }),
    assigner: createAssignor({
      topic,
      partitions: options.partitions,
      describe: () => ({
        httpAddress: options.httpAddress(),
        numStandby,
        memberId: membership.memberId,
        partitions: options.running(),
        statePositions: statePositions.all(),
        settings: decidingSettings,
        changelogId: cluster.leaders.topicId(topics.companyState),
      }),
      onRefused: (member) => logger.error(member, 'assigned no partitions to a group member'),
      onTooMany: (members) => logger.error(members, 'left out members of the group, because it exceeds a limit'),
    }),
    onCrash: (cause) => onCrash(new MembershipLostError(cause)),
    onTrouble: (error) => failures.failed('group', null, error),
    onAlive: () => failures.progressed('group', null),
  });
  return membership;
}
