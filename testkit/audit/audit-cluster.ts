import { Kafka, logLevel } from 'kafkajs';
import { newestSchema } from '../schema-file.js';
import { auditTopics, type AuditReport } from './audit-topics.js';
import { readTopics } from './read-topics.js';
import { fetchSchemasOf } from './registered-schemas.js';

export interface AuditedDeployment {
  /** Addresses of all brokers, comma-separated. */
  readonly bootstrap: string;
  /** Root of the registry's Confluent-compatible API. */
  readonly registryUrl: string;
  /** The repository's `schemas`. */
  readonly schemasFolder: string;
  readonly topics: {
    readonly events: string;
    readonly synchronized: string;
    readonly failed: string;
    readonly deadLetters: string;
    readonly settings: string;
  };
  readonly applicationId: string;
  readonly eventNamespace: string;
  /** ALL_DATASETS_FROM in milliseconds since the epoch. */
  readonly allDatasetsFrom: number;
  /** Offset of `client-settings`: all records below it existed before the processor judged its first event. */
  readonly settingsInPlaceBefore: number;
  /** As in `AuditInput`. */
  readonly olderReleasesRan?: boolean;
}

/** Reads the topics of a deployment whose input was processed completely, and audits them. */
export async function auditCluster(deployment: AuditedDeployment): Promise<AuditReport> {
  const { bootstrap, registryUrl, schemasFolder, topics, ...settings } = deployment;
  const kafka = new Kafka({ clientId: 'audit', brokers: bootstrap.split(','), logLevel: logLevel.ERROR });
  const names = [topics.events, topics.synchronized, topics.deadLetters, topics.settings, topics.failed];
  const contents = await readTopics(kafka, names);
  const [events, synchronized, deadLetters, clientSettings, failed] = contents;
  if (!events || !synchronized || !deadLetters || !clientSettings || !failed) throw new Error('a topic was not read');
  const registered = await fetchSchemasOf(registryUrl, contents);
  const schemas = {
    syncEvent: newestSchema(schemasFolder, 'sync-events-value'),
    companySynchronized: newestSchema(schemasFolder, 'company-synchronized-value'),
    companySyncFailed: newestSchema(schemasFolder, 'company-sync-failed-value'),
    clientSettings: newestSchema(schemasFolder, 'client-settings-value'),
  };
  const topicContents = { events, synchronized, failed, deadLetters, settings: clientSettings };
  return auditTopics({ ...topicContents, registered, schemas, ...settings });
}
