/**
 * What an instance uses outside of its process, as one object: brokers, schema registry, STATE_DIR, HTTP, memory. A
 * simulation passes its own.
 */
import type { Logger } from 'pino';
import { collectDefaultMetrics, type Registry } from 'prom-client';
import type { Config } from './config.js';
import type { SchemaSource } from './decode/schema-source.js';
import type { KafkaConfig } from './kafka/connection/cluster.js';
import { kafkaConfigOf } from './kafka/connection/kafka-config.js';
import type { Clock } from './lib/clock.js';
import { loadReaderSchemas, type ReaderSchemas } from './lib/schema-files.js';
import { startHttpServer, type HttpServer, type ServiceView } from './ops/http-server.js';
import type { MemberProofs } from './ops/member-proof.js';
import { memoryBudget, type MemoryBudget } from './ops/memory-budget.js';
import { loadEventTypes, type EventTypes } from './publish/event-types.js';
import { askRegistry, SchemaRegistry } from './registry/schema-registry.js';
import { stateVolumeAt, type StateVolume } from './store/state-volume.js';

/** The schema registry, as far as an instance uses it. */
export interface InstanceRegistry extends SchemaSource, Pick<SchemaRegistry, 'idOf' | 'idOfFirstVersion'> {
  /** Resolves if the registry answers. */
  ask(): Promise<unknown>;
}

export interface Surroundings {
  /** How to reach the brokers. */
  readonly kafka: KafkaConfig;
  readonly registry: InstanceRegistry;
  readonly volume: StateVolume;
  /** The schemas are part of the installation. */
  readerSchemas(): Promise<ReaderSchemas>;
  eventTypes(): Promise<EventTypes>;
  memory(): MemoryBudget;
  startHttp(view: ServiceView, metrics: Registry, proofs: MemberProofs): Promise<HttpServer>;
}

export interface SurroundingsOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly clock: Clock;
  /** The folder of the Avro schemas, part of the installation. */
  readonly schemasFolder: string;
  /** The folder of the status page, part of the installation. */
  readonly pageFolder: string;
}

/** Makes the surroundings that the settings name. */
export function surroundingsOf(options: SurroundingsOptions): Surroundings {
  const { config, logger, clock, schemasFolder, pageFolder } = options;
  const registry = new SchemaRegistry(config.schemaRegistry);
  return {
    kafka: kafkaConfigOf(config, logger),
    registry: {
      withSchema: (id, asker, use) => registry.withSchema(id, asker, use),
      idOf: (subject, schema) => registry.idOf(subject, schema),
      idOfFirstVersion: (subject) => registry.idOfFirstVersion(subject),
      ask: askRegistry(config),
    },
    volume: stateVolumeAt(config.stateDir, clock),
    readerSchemas: () => loadReaderSchemas(schemasFolder),
    eventTypes: () => loadEventTypes(schemasFolder),
    memory: () => memoryBudget(logger),
    startHttp: (view, metrics, proofs) => {
      collectDefaultMetrics({ register: metrics });
      return startHttpServer({ ...config.http, proofs, clock }, view, metrics, pageFolder);
    },
  };
}
