import type { TriggerPolicy } from '../reference-model.js';
import type { AvroValues } from './avro-values.js';
import type { TopicContents } from './topic-record.js';

/**
 * Finds the settings of a client that may have been in force.
 *
 * `client-settings` has no order with `sync-events`: no topic shows when the processor took over a change, and an
 * announcement records only the policy that fired. So if a client's setting changed while events were judged, the
 * client has several values here, and the audit accepts the result of each of them. If the setting existed before the
 * first event was judged, and did not change, the client has one value, and the audit checks the exact offset of each
 * announcement.
 */
export class SettingValues {
  readonly #possible = new Map<string, Set<TriggerPolicy>>();

  /**
   * @param inPlaceBefore offset of `client-settings` (one partition): all records below it existed before the processor
   *   judged its first event
   */
  constructor(settings: TopicContents, values: AvroValues, inPlaceBefore: number) {
    for (const record of settings.records) {
      const clientId = record.key?.toString() ?? '';
      const setting = record.value === null ? THE_DEFAULT : policyIn(values, record.value);
      if (record.offset < inPlaceBefore) this.#possible.set(clientId, new Set([setting]));
      else this.#possible.set(clientId, new Set([...this.#of(clientId), setting]));
    }
  }

  /** The value that announces latest: ALL_DATASETS never announces a company that FIRST_DATASET would not announce. */
  leastEager(clientId: string): TriggerPolicy {
    return this.#of(clientId).has('ALL_DATASETS') ? 'ALL_DATASETS' : 'FIRST_DATASET';
  }

  /** Whether only one value may have been in force. */
  isCertain(clientId: string): boolean {
    return this.#of(clientId).size === 1;
  }

  /** `wanted` if it may have been in force for the client, otherwise the value that was in force. */
  nearest(clientId: string, wanted: TriggerPolicy): TriggerPolicy {
    return this.#of(clientId).has(wanted) ? wanted : this.leastEager(clientId);
  }

  #of(clientId: string): ReadonlySet<TriggerPolicy> {
    return this.#possible.get(clientId) ?? new Set([THE_DEFAULT]);
  }
}

/** The values for a client without a setting. */
const THE_DEFAULT: TriggerPolicy = 'FIRST_DATASET';

function policyIn(values: AvroValues, value: Buffer): TriggerPolicy {
  const read = values.read(value);
  if (read.kind !== 'value') throw new Error(`a record of client-settings cannot be read: ${read.why}`);
  return (read.value as { readonly synchronizedTrigger: TriggerPolicy }).synchronizedTrigger;
}
