/**
 * The audit. It checks whether every company was announced exactly once, not early, and with the content that the rules
 * require, and whether every bad record is a dead letter. It uses only the content of the topics and the reference
 * model, and no code of `src`. Pure: `read-topics.ts` and `registered-schemas.ts` read its input.
 */
import type { LimitCode, Verdict } from '../reference-model.js';
import type { Anomaly } from './anomaly.js';
import { readAnnouncements, type ReadAnnouncements } from './announcements.js';
import { AvroValues, type RegisteredSchemas } from './avro-values.js';
import { checkAnnouncements, type Envelope } from './check-announcements.js';
import { checkDeadLetters, type ExpectedDeadLetter } from './check-dead-letters.js';
import { readInput, type CompanyRecords, type ReadInput } from './company-records.js';
import { checkFailures, readFailures } from './failures.js';
import { SettingValues } from './setting-values.js';
import { placeOf, type TopicContents, type TopicRecord } from './topic-record.js';
import { verdictOf, whyNot } from './verdicts.js';

export interface AuditInput {
  readonly events: TopicContents;
  readonly synchronized: TopicContents;
  /** Null if failures are not audited. */
  readonly failed: TopicContents | null;
  readonly deadLetters: TopicContents;
  readonly settings: TopicContents;
  /** The schema of every schema id in these topics. */
  readonly registered: RegisteredSchemas;
  /** The repository's schemas. */
  readonly schemas: {
    readonly syncEvent: object;
    readonly companySynchronized: object;
    readonly companySyncFailed: object;
    readonly clientSettings: object;
  };
  readonly applicationId: string;
  /** EVENT_NAMESPACE; the application id if it was not set. */
  readonly eventNamespace: string;
  /** ALL_DATASETS_FROM in milliseconds since the epoch. */
  readonly allDatasetsFrom: number;
  /** Offset of `client-settings`: all records below it existed before the processor judged its first event. */
  readonly settingsInPlaceBefore: number;
  /** Whether releases have run that publish no failures and store no `linkedAt`. False by default. */
  readonly olderReleasesRan?: boolean;
}

export interface CompanyFate {
  readonly announced: boolean;
  /** Why the company must not be announced; null if it must be announced. */
  readonly whyNot: string | null;
}

export interface AuditReport {
  /** The actual and the expected result for each company of the input. */
  readonly companies: ReadonlyMap<string, CompanyFate>;
  readonly announced: number;
  readonly rightlyNot: number;
  readonly deadLetters: { readonly expected: number; readonly arrived: number };
  readonly anomalies: readonly Anomaly[];
}

export function auditTopics(input: AuditInput): AuditReport {
  const events = readInput(input.events, new AvroValues(input.schemas.syncEvent, input.registered));
  const arrived = readAnnouncements(
    input.synchronized,
    new AvroValues(input.schemas.companySynchronized, input.registered),
  );
  const settings = settingValuesOf(input);
  const verdicts = judgeAll(input, events, arrived, settings);
  const expectedLetters = expectedDeadLetters(events, verdicts);
  const anomalies = [
    ...announcementAnomalies(input, events, arrived, verdicts),
    ...failureAnomalies(input, events, verdicts, settings),
    ...checkDeadLetters(expectedLetters, events.byPlace, input.deadLetters, input.events),
  ];
  const companies = new Map<string, CompanyFate>();
  for (const [companyId, verdict] of verdicts) {
    const reason = verdict.announcement === null ? whyNot(verdict) : null;
    companies.set(companyId, { announced: arrived.byCompany.has(companyId), whyNot: reason });
  }
  const fates = [...companies.values()];
  return {
    companies,
    announced: fates.filter((fate) => fate.announced).length,
    rightlyNot: fates.filter((fate) => !fate.announced && fate.whyNot !== null).length,
    deadLetters: { expected: expectedLetters.size, arrived: input.deadLetters.records.length },
    anomalies,
  };
}

function settingValuesOf({ schemas, registered, settings, settingsInPlaceBefore }: AuditInput): SettingValues {
  return new SettingValues(settings, new AvroValues(schemas.clientSettings, registered), settingsInPlaceBefore);
}

function judgeAll(
  input: AuditInput,
  events: ReadInput,
  arrived: ReadAnnouncements,
  settings: SettingValues,
): Map<string, Verdict> {
  const { allDatasetsFrom, eventNamespace } = input;
  const context = { topic: input.events.topic, allDatasetsFrom, eventNamespace };
  const verdicts = new Map<string, Verdict>();
  for (const [companyId, company] of events.companies) {
    const claim = arrived.byCompany.get(companyId)?.[0]?.content;
    verdicts.set(companyId, verdictOf(company, settings, claim, context));
  }
  return verdicts;
}

function announcementAnomalies(
  input: AuditInput,
  events: ReadInput,
  arrived: ReadAnnouncements,
  verdicts: ReadonlyMap<string, Verdict>,
): Anomaly[] {
  const envelope = envelopeOf(input, input.synchronized);
  const companyIds = new Set([...events.companies.keys(), ...arrived.byCompany.keys()]);
  const unreadable = arrived.unreadable.map(unreadableAnomaly);
  const checked = [...companyIds].flatMap((companyId) =>
    checkAnnouncements(
      companyId,
      events.companies.get(companyId),
      verdicts.get(companyId),
      arrived.byCompany.get(companyId) ?? [],
      envelope,
    ),
  );
  return [...unreadable, ...checked];
}

function unreadableAnomaly({ record, why }: { readonly record: TopicRecord; readonly why: string }): Anomaly {
  return {
    kind: 'unreadable',
    companyId: record.key?.toString() ?? null,
    what: `the event at ${placeOf(record)} cannot be read: ${why}`,
    came: record.value?.toString('hex') ?? null,
    shouldHaveCome: null,
    history: [],
  };
}

function envelopeOf({ applicationId, events, olderReleasesRan = false }: AuditInput, written: TopicContents): Envelope {
  return { applicationId, inputPartitions: events.partitions, outputPartitions: written.partitions, olderReleasesRan };
}

function failureAnomalies(
  input: AuditInput,
  events: ReadInput,
  verdicts: ReadonlyMap<string, Verdict>,
  settings: SettingValues,
): Anomaly[] {
  if (input.failed === null) return [];
  const { byCompany, unreadable } = readFailures(
    input.failed,
    new AvroValues(input.schemas.companySyncFailed, input.registered),
  );
  const envelope = envelopeOf(input, input.failed);
  const { eventNamespace } = input;
  const isCertain = ({ records }: CompanyRecords) =>
    records.every((event) => event.kind !== 'event' || settings.isCertain(event.clientId));
  const companyIds = new Set([...events.companies.keys(), ...byCompany.keys()]);
  const checked = [...companyIds].flatMap((companyId) => {
    const company = events.companies.get(companyId);
    const allMustCome = !envelope.olderReleasesRan && (company === undefined || isCertain(company));
    const rules = { ...envelope, eventNamespace, allMustCome };
    return checkFailures(companyId, company, verdicts.get(companyId), byCompany.get(companyId) ?? [], rules);
  });
  return [...unreadable.map(unreadableAnomaly), ...checked];
}

function isLimit(code: string): code is LimitCode {
  return code === 'too-many-datasets' || code === 'too-large';
}

function expectedDeadLetters(
  events: ReadInput,
  verdicts: ReadonlyMap<string, Verdict>,
): Map<string, ExpectedDeadLetter> {
  const expected = new Map<string, ExpectedDeadLetter>();
  for (const [place, event] of events.byPlace)
    if (event.kind === 'bad-record' && (event.companyId === null || !isLimit(event.code)))
      expected.set(place, { event, code: event.code });
  // No limit applies to an announced or deleted company.
  for (const [companyId, { tooManyDatasets, tooLarge }] of verdicts) {
    const partition = events.companies.get(companyId)?.partition ?? -1;
    const expect = (code: LimitCode) => (offset: number) => {
      const place = placeOf({ partition, offset });
      const event = events.byPlace.get(place);
      if (event !== undefined) expected.set(place, { event, code });
    };
    tooManyDatasets.forEach(expect('too-many-datasets'));
    tooLarge.forEach(expect('too-large'));
  }
  return expected;
}
