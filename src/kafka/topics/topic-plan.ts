/** Plans each topic: the contract's table of topics as data. Pure. */
import type { TopicNames } from '../../config.js';
import type { TopicToCreate } from '../protocol/create-topic-request.js';
import type { TopicDescription } from './topic-admin.js';
import {
  CLEANUP_POLICY,
  DELETE_RETENTION_MS,
  MAX_COMPACTION_LAG_MS,
  MAX_MESSAGE_BYTES,
  MIN_INSYNC_REPLICAS,
  RETENTION_MS,
  UNCLEAN_LEADER_ELECTION,
} from './topic-settings.js';
import { DAY_MS } from '../../lib/time-units.js';

export type TopicRole = keyof TopicNames;

/** The input comes first, because the plans of the others depend on it. */
export const TOPIC_ROLES = [
  'syncEvents',
  'companySynchronized',
  'companyState',
  'deadLetter',
  'clientSettings',
  'companySyncStalled',
  'companySyncFailed',
] as const satisfies readonly TopicRole[];

const KIB = 1_024;
const MIB = 1_024 * KIB;

/** How much larger a dead letter may be than the record in it, because of its headers. */
const DEAD_LETTER_EXTRA_BYTES = 64 * KIB;
const WRITTEN_MESSAGE_MAX_BYTES = 8 * MIB;

const deleted = { [CLEANUP_POLICY]: 'delete', [RETENTION_MS]: String(30 * DAY_MS) };
const compacted = { [CLEANUP_POLICY]: 'compact' };

/** The values that the plan of a topic depends on. */
export interface PlanInput {
  readonly names: TopicNames;
  /** Partitions of the topics whose count does not follow the input. */
  readonly partitions: number;
  readonly replicationFactor: number;
  /** The existing input; null before it was created. */
  readonly input: Pick<TopicDescription, 'partitions' | 'settings'> | null;
}

export function planOf(role: TopicRole, values: PlanInput): TopicToCreate {
  const { names, replicationFactor } = values;
  const asInput = values.input?.partitions ?? values.partitions;
  const plan = (partitions: number, settings: Record<string, string>): TopicToCreate => ({
    topic: names[role],
    partitions,
    replicationFactor,
    settings: new Map(Object.entries(settings)),
  });
  const written = {
    [MIN_INSYNC_REPLICAS]: String(Math.max(1, replicationFactor - 1)),
    [UNCLEAN_LEADER_ELECTION]: 'false',
    [MAX_MESSAGE_BYTES]: String(messageMaxBytesOf(role, values.input)),
  };
  switch (role) {
    case 'syncEvents':
      return plan(values.partitions, deleted);
    case 'companySynchronized':
    case 'companySyncStalled':
    case 'companySyncFailed':
      return plan(values.partitions, { ...deleted, ...written });
    case 'companyState':
      return plan(asInput, {
        ...compacted,
        'segment.bytes': String(128 * MIB),
        [DELETE_RETENTION_MS]: String(7 * DAY_MS),
        // The names of deleted companies are removed within this time.
        [MAX_COMPACTION_LAG_MS]: String(7 * DAY_MS),
        ...written,
      });
    case 'deadLetter':
      return plan(asInput, { ...deleted, ...written });
    case 'clientSettings':
      return plan(1, compacted);
  }
}

/** The least `max.message.bytes` that a written topic should have; 0 if it does not matter. */
export function messageMaxBytesOf(role: TopicRole, input: PlanInput['input']): number {
  switch (role) {
    case 'companySynchronized':
    case 'companyState':
    case 'companySyncStalled':
    case 'companySyncFailed':
      return WRITTEN_MESSAGE_MAX_BYTES;
    case 'deadLetter':
      return Number(input?.settings.get(MAX_MESSAGE_BYTES) ?? 0) + DEAD_LETTER_EXTRA_BYTES;
    case 'syncEvents':
    case 'clientSettings':
      return 0;
  }
}
