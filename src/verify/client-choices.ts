/**
 * Which settings of a client may have been in force when a record was judged.
 *
 * `client-settings` has no order with `sync-events`: no topic shows when the processor took over a change. So a choice
 * counts from a while before its time until a while after the next one. Where several choices may have been in force,
 * the verifier accepts what each of them allows.
 */
import { isUtf8 } from 'node:buffer';
import type { Policy } from './input-event.js';

const HOUR_MS = 3_600_000;
/** The processor follows the topic within seconds. The rest is for clocks that differ, and for an outage. */
const SETTLING_MS = HOUR_MS;
const THE_DEFAULT: Policy = 'FIRST_DATASET';
const EVERY: ReadonlySet<Policy> = new Set<Policy>(['FIRST_DATASET', 'ALL_DATASETS']);
const ONLY: Readonly<Record<Policy, ReadonlySet<Policy>>> = {
  FIRST_DATASET: new Set<Policy>(['FIRST_DATASET']),
  ALL_DATASETS: new Set<Policy>(['ALL_DATASETS']),
};

/** The settings that may have been in force for a client, from one time until another. */
export type PossibleChoices = (clientId: string, fromMs: number, untilMs: number) => ReadonlySet<Policy>;

/** Bytes of memory. Beyond them, the verifier remembers less, and so accepts more. */
const MAX_CHOICES_BYTES = 128 * 1_024 * 1_024;
const MAX_CHOICES_OF_A_CLIENT = 100;
/** No accepted record can belong to a client with a longer id. */
const MAX_ID_BYTES = 1_024;
/** Bytes of an entry in the map, without its choices and the characters of its id. */
const CLIENT_BYTES = 128;
const CHOICE_BYTES = 64;
/** Bytes of each character in a text that has a character outside Latin-1. */
const CHARACTER_BYTES = 2;

/** `unreadable`: the processor counts the client as ALL_DATASETS, or could read the choice, when its schema was known. */
type RecordedPolicy = Policy | 'unreadable';

interface Choice {
  readonly policy: RecordedPolicy;
  readonly sinceMs: number;
}

export class ClientChoices {
  readonly #choices = new Map<string, Choice[]>();
  #bytes = 0;
  /** Whether choices of further clients are missing. */
  #isFull = false;

  constructor(private readonly maxBytes = MAX_CHOICES_BYTES) {}

  /**
   * Adds a record of `client-settings`, in the order of the log.
   * @param key different bytes that are not UTF-8 become the same text, so such a key names no client
   * @param policy null for a tombstone
   */
  add(key: Buffer | null, policy: RecordedPolicy | null, timestampMs: number): void {
    if (key === null || key.length > MAX_ID_BYTES || !isUtf8(key)) return;
    const clientId = key.toString();
    const choice = { policy: policy ?? THE_DEFAULT, sinceMs: timestampMs };
    const known = this.#choices.get(clientId);
    if (known === undefined) {
      if (this.#take(CLIENT_BYTES + CHARACTER_BYTES * clientId.length + CHOICE_BYTES))
        this.#choices.set(clientId, [choice]);
      else this.#isFull = true;
      return;
    }
    if (known.at(-1)?.policy === choice.policy) return;
    if (known.length >= MAX_CHOICES_OF_A_CLIENT || !this.#take(CHOICE_BYTES)) known.shift();
    known.push(choice);
  }

  #take(bytes: number): boolean {
    if (this.#bytes + bytes > this.maxBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  readonly possible: PossibleChoices = (clientId, fromMs, untilMs) => {
    const choices = this.#choices.get(clientId);
    if (choices === undefined) return this.#isFull ? EVERY : ONLY[THE_DEFAULT];
    // Compaction may have removed older choices, so before the first one that is left, any may have been in force.
    const last = choices.findLastIndex(({ sinceMs }) => sinceMs + SETTLING_MS <= fromMs);
    if (last === -1) return EVERY;
    const inForce = choices.slice(last).filter(({ sinceMs }, i) => i === 0 || sinceMs - SETTLING_MS <= untilMs);
    const { policy: first } = inForce[0] as Choice;
    return first !== 'unreadable' && inForce.every(({ policy }) => policy === first) ? ONLY[first] : EVERY;
  };
}
