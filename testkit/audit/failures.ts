/**
 * Checks `CompanySyncFailed`: one for each time that the first sync of a company was over and nothing had succeeded, at
 * the right record, with the right content, and no other.
 */
import { failureIdOf, type ReferenceFailure, type Verdict } from '../reference-model.js';
import type { Anomaly, AnomalyKind } from './anomaly.js';
import { listsOf, placeIn, timeOf, type AvroAnnouncement } from './announcements.js';
import type { AvroValues } from './avro-values.js';
import { differingFields, envelopeFault, linkedAtAsRead, pick, type Envelope } from './check-announcements.js';
import { tellHistory, type CompanyRecords } from './company-records.js';
import { placeOf, type TopicContents, type TopicRecord } from './topic-record.js';

interface ArrivedFailure {
  readonly record: TopicRecord;
  readonly content: ReferenceFailure;
}

export interface ReadFailures {
  /** In the order of the log. */
  readonly byCompany: ReadonlyMap<string, readonly ArrivedFailure[]>;
  readonly unreadable: readonly { readonly record: TopicRecord; readonly why: string }[];
}

/** A `CompanySyncFailed` as avsc returns it. */
type AvroFailure = Pick<AvroAnnouncement, 'connections' | 'datasets' | 'source' | 'linkedAt'> &
  Omit<ReferenceFailure, 'connections' | 'datasets' | 'source' | 'linkedAt' | 'failedAt'> & {
    readonly failedAt: bigint;
  };

export function readFailures(failed: TopicContents, values: AvroValues): ReadFailures {
  const byCompany = new Map<string, ArrivedFailure[]>();
  const unreadable: { record: TopicRecord; why: string }[] = [];
  for (const record of failed.records) {
    const read = values.read(record.value);
    if (read.kind !== 'value') {
      unreadable.push({ record, why: read.why });
      continue;
    }
    const content = contentOf(read.value as AvroFailure);
    const arrived = byCompany.get(content.companyId) ?? [];
    byCompany.set(content.companyId, [...arrived, { record, content }]);
  }
  return { byCompany, unreadable };
}

function contentOf(value: AvroFailure): ReferenceFailure {
  const { eventId, companyId, clientId, companyName, attempt, failed, ended } = value;
  return {
    eventId,
    companyId,
    clientId,
    companyName,
    attempt,
    failed,
    ended,
    ...listsOf(value),
    failedAt: Number(value.failedAt),
    source: placeIn(value.source),
    linkedAt: timeOf(value.linkedAt),
  };
}

export interface FailureRules extends Envelope {
  readonly eventNamespace: string;
  /**
   * Whether each failure that the rules give must have been published. If older releases have run, or if it is not known
   * which policy was in force, only the published ones are checked.
   */
  readonly allMustCome: boolean;
}

/** Checks one company. `company` is undefined if the input has no record of it. */
export function checkFailures(
  companyId: string,
  company: CompanyRecords | undefined,
  verdict: Verdict | undefined,
  arrived: readonly ArrivedFailure[],
  rules: FailureRules,
): Anomaly[] {
  const history = tellHistory(company?.records ?? []);
  const anomaly = (kind: AnomalyKind, what: string, came: unknown, shouldHaveCome: unknown): Anomaly => ({
    kind,
    companyId,
    what,
    came,
    shouldHaveCome,
    history,
  });
  const anomalies: Anomaly[] = [];
  const expected = new Map((verdict?.failures ?? []).map((failure) => [failure.source.offset, failure]));
  const seen = new Map<number, string>();
  arrived.forEach(({ record, content }, i) => {
    const { offset } = content.source;
    const place = placeOf(record);
    const of = expected.get(offset);
    const earlier = seen.get(offset);
    seen.set(offset, place);
    if (earlier !== undefined)
      anomalies.push(anomaly('duplicate', 'failed twice by one record', [earlier, place], earlier));
    else if (of === undefined)
      anomalies.push(
        anomaly(
          'early',
          `CompanySyncFailed by offset ${offset}, but the company did not come into that state there`,
          content,
          null,
        ),
      );
    else anomalies.push(...contentAnomalies({ record, content }, numbered(of, i + 1, rules), company, rules, anomaly));
  });
  if (rules.allMustCome)
    for (const [offset, failure] of expected)
      if (!seen.has(offset)) anomalies.push(anomaly('missing', `it has failed by offset ${offset}`, null, failure));
  return anomalies;
}

/** If older releases have run, or the policies are not known, the attempts are the numbers of those that were published. */
function numbered(failure: ReferenceFailure, attempt: number, rules: FailureRules): ReferenceFailure {
  if (rules.allMustCome) return failure;
  return { ...failure, attempt, eventId: failureIdOf(failure.companyId, attempt, rules.eventNamespace) };
}

function contentAnomalies(
  { record, content }: ArrivedFailure,
  expected: ReferenceFailure,
  company: CompanyRecords | undefined,
  rules: FailureRules,
  anomaly: (kind: AnomalyKind, what: string, came: unknown, shouldHaveCome: unknown) => Anomaly,
): Anomaly[] {
  const found: Anomaly[] = [];
  const wrong = differingFields(content, linkedAtAsRead(expected, content, rules));
  if (wrong.length > 0)
    found.push(
      anomaly('wrong-content', `wrong in a failure: ${wrong.join(', ')}`, pick(content, wrong), pick(expected, wrong)),
    );
  const cause = company?.records.find((one) => one.record.offset === expected.source.offset)?.record;
  const event = { ...expected, type: 'company.sync.failed.v1', time: expected.failedAt };
  const fault = envelopeFault(record, event, cause, rules);
  if (fault !== null)
    found.push(anomaly('wrong-envelope', `a failure: ${fault.what}`, fault.came, fault.shouldHaveCome));
  return found;
}
