/** `company-sync schemas register` and `schemas check`. */
import type { PartsOf } from '../config-parts.js';
import { SchemaRegistry } from '../registry/schema-registry.js';
import { schemaVersions, type SchemaFile } from '../lib/schema-files.js';
import { systemClock } from '../lib/system-clock.js';
import { SyncEventJson, SyncEventRecords } from '../publish/sync-event-json.js';
import { command } from './command.js';

/** The folder of each topic's schemas. The subject follows the name of the topic; the folder keeps the default name. */
const FOLDERS = {
  syncEvents: 'sync-events-value',
  companySynchronized: 'company-synchronized-value',
  clientSettings: 'client-settings-value',
  companySyncStalled: 'company-sync-stalled-value',
  companySyncFailed: 'company-sync-failed-value',
};

/** The topics whose records have schemas. */
export const SCHEMA_TOPICS = [
  'topics.syncEvents',
  'topics.companySynchronized',
  'topics.clientSettings',
  'topics.companySyncStalled',
  'topics.companySyncFailed',
] as const;
type SchemaTopics = PartsOf<(typeof SCHEMA_TOPICS)[number]>['topics'];

/** The parts of the configuration that `syncEventRecords` reads. */
export const INPUT_SCHEMA_READS = ['topics.syncEvents', 'schemaRegistry'] as const;

export interface Version extends SchemaFile {
  readonly subject: string;
}

/** Registers every version of every subject, oldest first. */
export const registerCommand = command({
  summary: 'register the schemas',
  flags: {},
  reads: ['schemaRegistry', ...SCHEMA_TOPICS],
  exit: ['all schemas are registered', 'the registry refused a schema, or does not answer'],
  async run({ config, schemasFolder, print }) {
    const registry = new SchemaRegistry(config.schemaRegistry);
    for (const { subject, file, schema } of await versions(config.topics, schemasFolder))
      print(`${subject}: ${file} is registered, id ${await registry.register(subject, schema)}`);
    return 0;
  },
});

/** Checks the newest version of every subject and registers nothing. */
export const checkCommand = command({
  summary: 'check that the schemas are compatible with the registered ones; register nothing',
  flags: {},
  reads: ['schemaRegistry', ...SCHEMA_TOPICS],
  exit: ['all schemas are compatible', 'a schema is not compatible, or the registry does not answer'],
  async run({ config, schemasFolder, print }) {
    const registry = new SchemaRegistry(config.schemaRegistry);
    let exitCode = 0;
    for (const { subject, file, schema } of await newestSchemas(config.topics, schemasFolder)) {
      const verdict = await registry.check(subject, schema);
      if (!verdict.compatible) exitCode = 1;
      const words = verdict.compatible ? 'is compatible' : `is NOT compatible: ${verdict.reasons.join('; ')}`;
      print(`${subject}: ${file} ${words}`);
    }
    return exitCode;
  },
});

/** The newest version of every subject. */
export async function newestSchemas(topics: SchemaTopics, schemasFolder: string): Promise<Version[]> {
  const newest = new Map<string, Version>();
  for (const version of await versions(topics, schemasFolder)) newest.set(version.subject, version);
  return [...newest.values()];
}

/** Reads events of the input topic as people write them. Asks no registry. */
export async function syncEventJson(schemasFolder: string): Promise<SyncEventJson> {
  const newest = (await schemaVersions(schemasFolder, FOLDERS.syncEvents)).at(-1);
  if (newest === undefined) throw new Error(`${schemasFolder} has no schema of ${FOLDERS.syncEvents}`);
  return new SyncEventJson(newest.schema, systemClock);
}

/** Makes records of the input topic. @throws Error if its schema is not registered; RegistryUnavailableError */
export async function syncEventRecords(
  { topics, schemaRegistry }: PartsOf<(typeof INPUT_SCHEMA_READS)[number]>,
  json: SyncEventJson,
): Promise<SyncEventRecords> {
  const subject = `${topics.syncEvents}-value`;
  const id = await new SchemaRegistry(schemaRegistry).idOf(subject, json.schema);
  if (id === null) throw new Error(`the schema of ${subject} is not registered: run \`company-sync schemas register\``);
  return new SyncEventRecords(json, id);
}

async function versions(topics: SchemaTopics, schemasFolder: string): Promise<Version[]> {
  const found: Version[] = [];
  for (const [role, folder] of Object.entries(FOLDERS)) {
    const subject = `${topics[role as keyof SchemaTopics]}-value`;
    for (const version of await schemaVersions(schemasFolder, folder)) found.push({ subject, ...version });
  }
  return found;
}
