/** The schema registry of a run. It answers in simulated time, and can be down. */
import { RegistryUnavailableError } from '../../../src/decode/schema-source.js';
import type { InstanceRegistry } from '../../../src/surroundings.js';
import { schemaSource } from '../../schema-source.js';
import type { SeededRandom } from '../../seeded-random.js';
import { SCHEMA_IDS, SCHEMAS } from '../pipeline/codecs.js';
import type { SimulatedProcess } from './process.js';
import { TOPICS } from './topics.js';

const MAX_LATENCY_MS = 5;

type Kind = keyof typeof SCHEMA_IDS;
const KINDS = Object.keys(SCHEMA_IDS) as Kind[];
const BY_ID = new Map(KINDS.map((kind) => [SCHEMA_IDS[kind], SCHEMAS[kind]]));
const BY_SUBJECT = new Map<string, Kind>([
  [`${TOPICS.syncEvents}-value`, 'syncEvent'],
  [`${TOPICS.companySynchronized}-value`, 'companySynchronized'],
  [`${TOPICS.clientSettings}-value`, 'clientSettings'],
  [`${TOPICS.companySyncStalled}-value`, 'companySyncStalled'],
  [`${TOPICS.companySyncFailed}-value`, 'companySyncFailed'],
]);

export class SimulatedRegistry {
  isDown = false;

  constructor(private readonly random: SeededRandom) {}

  /** The registry as one process sees it. */
  clientOf({ clock }: SimulatedProcess): InstanceRegistry {
    const answer = async <T>(value: T): Promise<T> => {
      await clock.delay(this.random.integer(1, MAX_LATENCY_MS));
      if (this.isDown) throw new RegistryUnavailableError('the simulated registry is down');
      return value;
    };
    const idOf = (subject: string): number | null => {
      const kind = BY_SUBJECT.get(subject);
      return kind === undefined ? null : SCHEMA_IDS[kind];
    };
    return {
      ...schemaSource((id) => answer(BY_ID.get(id) ?? null)),
      idOf: (subject) => answer(idOf(subject)),
      idOfFirstVersion: (subject) => answer(idOf(subject)),
      ask: () => answer(null),
    };
  }
}
