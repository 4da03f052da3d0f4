/**
 * What must hold at the end of a run. The audit of `testkit/audit` judges the topics: it shares no code with `src`.
 * Besides, the owner's disk must have exactly the rows that its changelog gives.
 */
import { auditTopics, type AuditInput } from '../../audit/audit-topics.js';
import type { TopicContents, TopicRecord } from '../../audit/topic-record.js';
import { framed, SCHEMA_IDS, SCHEMAS } from './codecs.js';
import type { MemoryDisk } from './memory-disk.js';
import type { LogEntry } from './model-log.js';
import { ALL_DATASETS_FROM, APPLICATION_ID, PARTITION, TOPICS, type World } from './world.js';

/**
 * The topics of a run, as the audit reads them.
 *
 * @param choices each client's own choice
 * @param consumed where the instances have stopped reading the input
 */
export function topicsOf(world: World, choices: ReadonlyMap<string, string>, consumed = Infinity): AuditInput {
  const settings = [...choices].map(([clientId, synchronizedTrigger], offset) => ({
    offset,
    timestamp: 0,
    key: Buffer.from(clientId),
    value: framed('clientSettings', { clientId, synchronizedTrigger }),
    headers: [],
  }));
  return {
    events: contents(
      TOPICS.input,
      world.input.committed().filter(({ offset }) => offset < consumed),
    ),
    synchronized: contents(TOPICS.synchronized, world.log(TOPICS.synchronized).committed()),
    failed: contents(TOPICS.failed, world.log(TOPICS.failed).committed()),
    deadLetters: contents(TOPICS.deadLetter, world.log(TOPICS.deadLetter).committed()),
    settings: contents('client-settings', settings),
    registered: REGISTERED,
    schemas: SCHEMAS,
    applicationId: APPLICATION_ID,
    eventNamespace: APPLICATION_ID,
    allDatasetsFrom: ALL_DATASETS_FROM,
    settingsInPlaceBefore: settings.length,
  };
}

/** @returns one line for each anomaly */
export function anomaliesOf(topics: AuditInput): string[] {
  return auditTopics(topics).anomalies.map(({ kind, companyId, what, history }) =>
    [`${kind}: ${companyId ?? 'no company'}: ${what}`, ...history.map((line) => `    ${line}`)].join('\n'),
  );
}

export const REGISTERED = new Map([
  [SCHEMA_IDS.syncEvent, SCHEMAS.syncEvent],
  [SCHEMA_IDS.companySynchronized, SCHEMAS.companySynchronized],
  [SCHEMA_IDS.clientSettings, SCHEMAS.clientSettings],
  [SCHEMA_IDS.companySyncFailed, SCHEMAS.companySyncFailed],
]);

function contents(topic: string, entries: readonly Omit<LogEntry, 'state'>[]): TopicContents {
  return { topic, partitions: 1, records: entries.map(asRecord) };
}

function asRecord({ offset, timestamp, key, value, headers }: Omit<LogEntry, 'state'>): TopicRecord {
  const byKey = new Map<string, (Buffer | null)[]>();
  for (const header of headers) byKey.set(header.key, [...(byKey.get(header.key) ?? []), header.value]);
  return { partition: PARTITION, offset, timestamp, key, value, headers: byKey };
}

/** The first letters of keys that the changelog has too. */
const SHARED_KEYS = 'CIFDHPO';

/** Whether the disk has the rows that the changelog gives. @returns one line for each row that differs */
export function differencesOf(
  changelog: readonly { readonly key: Buffer | null; readonly value: Buffer | null }[],
  disk: MemoryDisk,
): string[] {
  const expected = new Map<string, Buffer>();
  for (const { key, value } of changelog) {
    const name = key?.toString('latin1') ?? '';
    if (value === null) expected.delete(name);
    else expected.set(name, value);
  }
  const names = new Set([...expected.keys(), ...disk.rows.keys()]);
  return [...names]
    .filter((name) => SHARED_KEYS.includes(name.charAt(0)) && !same(expected.get(name), disk.rows.get(name)))
    .map((name) => `state: the disk and the changelog differ in row ${JSON.stringify(name)}`);
}

function same(a: Buffer | undefined, b: Buffer | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.equals(b);
}
