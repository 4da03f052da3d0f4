/** What the audit finds if records were lost by faults that no program can hide. */
import type { Anomaly } from '../../audit/anomaly.js';
import { auditTopics, type AuditInput } from '../../audit/audit-topics.js';
import { auditedTopics, type Preference } from './audited-input.js';
import type { World } from './world.js';

type Rest = Omit<AuditInput, 'events' | 'synchronized' | 'failed' | 'deadLetters'>;

/**
 * A lost transaction takes its failures with it, and a company that is judged again from the records counts its attempts
 * from where its state is. So the failures are not audited.
 */
const NO_FAILURES = { failed: null };

/**
 * An offset in an announcement does not say of which log it is. So an anomaly counts if it is there whichever log is
 * meant.
 */
export function anomaliesAfterLoss(world: World, rest: Rest): Anomaly[] {
  const found = auditWith(world, rest, 'present log');
  if (found.length === 0) return [];
  const keys = new Set(auditWith(world, rest, 'former log').map(keyOf));
  return found.filter((anomaly) => keys.has(keyOf(anomaly)));
}

function auditWith(world: World, rest: Rest, preference: Preference): Anomaly[] {
  const sameHolds = new Set<string>();
  const { before, ...topics } = auditedTopics(world, world.losses, preference, sameHolds);
  const anomalies = [
    ...auditTopics({ ...rest, ...NO_FAILURES, ...topics }).anomalies,
    ...auditTopics({ ...rest, ...NO_FAILURES, ...before }).anomalies.filter(isWrongAlsoIfIncomplete),
  ];
  // One repair lifts two holds of one name: docs/architecture.md, "A log is known by its id".
  return anomalies.filter(({ companyId }) => companyId === null || !sameHolds.has(companyId));
}

/** Before the state was built again, not everything had to be announced yet. */
function isWrongAlsoIfIncomplete({ kind }: Anomaly): boolean {
  return kind !== 'missing' && kind !== 'dead-letter-lost';
}

function keyOf({ kind, companyId, what }: Anomaly): string {
  return `${kind} ${companyId} ${kind === 'wrong-content' ? '' : what}`;
}
