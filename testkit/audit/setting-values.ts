import type { TriggerPolicy } from '../reference-model.js';
import type { AvroValues } from './avro-values.js';
import type { TopicContents } from './topic-record.js';

/**
 * Which settings of a client the processor may have had in force.
 *
 * `client-settings` has no order with `sync-events`: when the processor follows a change is not written anywhere, and
 * the decision records only the policy that fired. So a client whose setting changed while events were judged has
 * several values here, and the audit accepts what any of them leads to. A client whose setting was in place before the
 * first event was judged, and stayed, has one: its companies are audited to the offset.
 */
export class SettingValues {
  readonly #possible = new Map<string, Set<TriggerPolicy>>();

  /**
   * @param inPlaceBefore offset of `client-settings` (one partition) below which all was there before the processor
   * judged its first event
   */
  constructor(settings: TopicContents, values: AvroValues, inPlaceBefore: number) {
    for (const record of settings.records) {
      const clientId = record.key?.toString() ?? '';
      const setting = record.value === null ? THE_DEFAULT : policyIn(values, record.value);
      if (record.offset < inPlaceBefore) this.#possible.set(clientId, new Set([setting]));
      else this.#possible.set(clientId, new Set([...this.#of(clientId), setting]));
    }
  }

  /** The value least eager to announce: ALL_DATASETS never announces where FIRST_DATASET would not. */
  leastEager(clientId: string): TriggerPolicy {
    return this.#of(clientId).has('ALL_DATASETS') ? 'ALL_DATASETS' : 'FIRST_DATASET';
  }

  /** `wanted` where the client may have had it in force, else what it had. */
  nearest(clientId: string, wanted: TriggerPolicy): TriggerPolicy {
    return this.#of(clientId).has(wanted) ? wanted : this.leastEager(clientId);
  }

  #of(clientId: string): ReadonlySet<TriggerPolicy> {
    return this.#possible.get(clientId) ?? new Set([THE_DEFAULT]);
  }
}

/** What holds for a client without a setting. */
const THE_DEFAULT: TriggerPolicy = 'FIRST_DATASET';

function policyIn(values: AvroValues, value: Buffer): TriggerPolicy {
  const read = values.read(value);
  if (read.kind !== 'value') throw new Error(`a record of client-settings cannot be read: ${read.why}`);
  return (read.value as { readonly synchronizedTrigger: TriggerPolicy }).synchronizedTrigger;
}
