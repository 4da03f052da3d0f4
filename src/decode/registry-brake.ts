/**
 * Keeps a wrong registry from turning all input into dead letters.
 *
 * If a registry knows none of the ids in use, it looks as if all producers were wrong. Each record would be an
 * `unknown-schema`, and each company would be on hold. So if only unknown ids come from many companies, the brake asks
 * the registry for ids that this deployment has used: the ids decoded last, or the ids of records all over the input.
 * If the registry lacks half of them or more, the partition waits as in an outage. The wait ends when the registry has
 * most of them, or when an operator confirms that the producers cause the unknown ids. If the registry has most of
 * them, it is the right registry, and the records are bad. A single id is not enough: a registry that was restored from
 * an old backup still has the oldest ids.
 *
 * One brake serves all partitions of a process, because they share the registry. A single decoded record in any of them
 * shows that the registry is the right one. After a restart the count starts again, and the stopped records are read
 * again.
 */
import { steadyMs, type SteadyClock } from '../lib/stopwatch.js';
import type { DeadLetterCode } from '../domain/events.js';
import { framingFault, schemaIdOf } from '../avro/framing.js';
import { Coalesced } from '../lib/coalesced.js';
import type { LogRecord } from '../lib/record.js';
import type { BatchDecoding, SchemaWait } from './batch-decoding.js';
import { unlessAborted } from './schema-resolution.js';
import { isBadRecord, type Decoded } from './bad-record.js';
import { RegistryUnavailableError, type SchemaAsker, type SchemaSource } from './schema-source.js';

/** If this many companies have unknown ids, and no record has a known id, the registry is suspect. */
export const SUSPECT_COMPANIES = 20;
/**
 * After a record with a known id, this many records with unknown ids must follow: a single producer may send a burst of
 * them.
 */
export const SUSPECT_RECORDS = 1_000;
/** How many recently decoded ids are kept. If the registry is suspect, it is asked for them. */
const MAX_KNOWN_IDS = 10;
/** Milliseconds for which ids found in the input stay valid. A suspect registry is asked for them every few seconds. */
export const SAMPLE_AGAIN_MS = 60_000;

/** All partitions wait for the proof, so it has a place of its own in the rotation of those who ask the registry. */
const ASKER: SchemaAsker = { name: 'proof of the registry' };

/** The registry answers, but it may be the wrong one. */
export class UnconfirmedSchemasError extends RegistryUnavailableError {}

/** The decoding of one batch, in portions. */
export interface RecordsDecoding {
  /**
   * Returns the results of the next records, at least one unless all were returned.
   *
   * @param onWait called before each pause in which nothing is known about the next record
   * @throws RegistryUnavailableError if the partition must wait: decide nothing about the next records, and call it again
   * @throws DecodingAbortedError if `signal` aborted
   */
  next(signal: AbortSignal, onWait?: (wait: SchemaWait) => void): Promise<Decoded[]>;
}

/** As RecordsDecoding, but `next` returns the same records again until `take`. */
type PeekedDecoding = RecordsDecoding & Pick<BatchDecoding<LogRecord, unknown, Decoded>, 'take'>;

export interface RegistryBrakeOptions {
  /** An operator has confirmed that the producers cause the unknown ids: the brake stops nothing. */
  readonly isConfirmed: boolean;
  readonly decoder: {
    begin(records: readonly LogRecord[], asker: string): PeekedDecoding;
    /** From now on, unknown ids are asked for again. */
    forgetDenials(): void;
  };
  readonly source: SchemaSource;
  /** The schema ids of a few records all over the input, each with the number of its records. Never rejects. */
  readonly sampleIds: () => Promise<ReadonlyMap<number, number>>;
  readonly clock: SteadyClock;
}

export class RegistryBrake {
  readonly #options: RegistryBrakeOptions;
  readonly #companies = new Set<string>();
  /** Records with unknown ids since the last record with a known id; Infinity before the first known id. */
  #unknownInARow = Infinity;
  /** In the order of their last decoding, oldest first. */
  readonly #knownIds = new Set<number>();
  #sampled: { readonly ids: ReadonlyMap<number, number>; readonly atMs: number } | null = null;
  readonly #proof = new Coalesced(() => this.#hasMostOfOurs());
  /** Records were stopped, and the registry was not found to be the right one since then. */
  #hasStopped = false;
  /** How often the denials of a suspect registry were discarded. */
  #forgotten = 0;

  constructor(options: RegistryBrakeOptions) {
    this.#options = options;
  }

  /** Begins to decode a batch as the decoder does. `next` also throws UnconfirmedSchemasError. */
  begin(records: readonly LogRecord[], asker: string): RecordsDecoding {
    const decoding = this.#options.decoder.begin(records, asker);
    let taken = 0;
    return {
      next: async (signal, onWait) => {
        const decoded = await this.#next(decoding, (i) => records[taken + i], signal, onWait);
        decoding.take(decoded.length);
        taken += decoded.length;
        return decoded;
      },
    };
  }

  async #next(
    decoding: RecordsDecoding,
    recordAt: (i: number) => LogRecord | undefined,
    signal: AbortSignal,
    onWait?: (wait: SchemaWait) => void,
  ): Promise<Decoded[]> {
    for (;;) {
      const forgotten = this.#forgotten;
      const decoded = await decoding.next(signal, onWait);
      if (this.#options.isConfirmed) return decoded;
      const unknown = this.#count(recordAt, decoded);
      if (unknown === 0 && forgotten === this.#forgotten) return decoded;
      if (this.#isSuspect(decoded, unknown)) {
        if (!(await this.#proves(signal))) throw suspect();
        this.#isRight();
      } else this.#unknownInARow += unknown;
      // The denials of a suspect registry prove nothing, so the ids are requested again.
      if (forgotten === this.#forgotten) return decoded;
    }
  }

  /**
   * Asks whether the registry has most of the ids that this deployment has used. If not, or without an answer, the denials
   * so far are those of a suspect registry.
   */
  async #proves(signal: AbortSignal): Promise<boolean> {
    let isProved = false;
    try {
      isProved = await unlessAborted(this.#proof.ask(), signal);
      return isProved;
    } finally {
      if (!isProved) this.#hasStopped = true;
    }
  }

  /** @returns the number of records with unknown ids after the last record with a known id */
  #count(recordAt: (i: number) => LogRecord | undefined, decoded: readonly Decoded[]): number {
    const lastKnown = decoded.findLastIndex(hasKnownId);
    if (lastKnown >= 0) {
      this.#noteKnown(recordAt(lastKnown)?.value ?? null);
      this.#isRight();
    }
    let unknown = 0;
    for (let i = lastKnown + 1; i < decoded.length; i++) {
      const item = decoded[i] as Decoded;
      if (!isBadRecord(item) || item.code !== 'unknown-schema') continue;
      unknown++;
      if (item.heldCompanyId !== null && this.#companies.size < SUSPECT_COMPANIES)
        this.#companies.add(item.heldCompanyId);
    }
    return unknown;
  }

  #isSuspect(decoded: readonly Decoded[], unknown: number): boolean {
    const isSuspect = this.#companies.size >= SUSPECT_COMPANIES && this.#unknownInARow + unknown >= SUSPECT_RECORDS;
    return isSuspect && !decoded.some(hasKnownId);
  }

  #isRight(): void {
    this.#companies.clear();
    this.#unknownInARow = 0;
    if (!this.#hasStopped) return;
    this.#hasStopped = false;
    this.#forgotten++;
    this.#options.decoder.forgetDenials();
  }

  /**
   * Whether the registry has most of the ids that this deployment has used: more than half of the ids decoded last. If
   * no record was decoded yet, the registry must have the ids of more than half of the sampled records.
   *
   * @throws RegistryUnavailableError
   */
  async #hasMostOfOurs(): Promise<boolean> {
    if (this.#knownIds.size === 0) return this.#hasMostOf(await this.#sampledIds());
    return this.#hasMostOf(new Map([...this.#knownIds].map((id) => [id, 1])));
  }

  /** @param ids each with the number of its records */
  async #hasMostOf(ids: ReadonlyMap<number, number>): Promise<boolean> {
    let known = 0;
    let total = 0;
    for (const [id, records] of ids) {
      total += records;
      // Ids start at 1. A registry may fail on other numbers, and that must not count as an outage.
      if (id >= 1 && (await this.#hasId(id))) known += records;
    }
    return known > total / 2;
  }

  #hasId(id: number): Promise<boolean> {
    return this.#options.source.withSchema(id, ASKER, (schema) => schema !== null);
  }

  async #sampledIds(): Promise<ReadonlyMap<number, number>> {
    const { clock, sampleIds } = this.#options;
    if (this.#sampled === null || Math.abs(steadyMs(clock) - this.#sampled.atMs) >= SAMPLE_AGAIN_MS)
      this.#sampled = { ids: await sampleIds(), atMs: steadyMs(clock) };
    return this.#sampled.ids;
  }

  #noteKnown(value: Buffer | null): void {
    if (value === null || framingFault(value) !== null) return;
    const id = schemaIdOf(value);
    this.#knownIds.delete(id);
    this.#knownIds.add(id);
    const [oldest] = this.#knownIds;
    if (this.#knownIds.size > MAX_KNOWN_IDS && oldest !== undefined) this.#knownIds.delete(oldest);
  }
}

/** Whether the registry has the id that the record names. */
function hasKnownId(decoded: Decoded): boolean {
  return !isBadRecord(decoded) || HAS_KNOWN_ID[decoded.code];
}

const HAS_KNOWN_ID: Readonly<Record<DeadLetterCode, boolean>> = {
  'missing-key': false,
  'bad-framing': false,
  'unknown-schema': false,
  undecodable: true,
  'key-mismatch': true,
  'too-many-datasets': true,
  'too-large': true,
};

function suspect(): UnconfirmedSchemasError {
  return new UnconfirmedSchemasError(
    `the schema registry has none of the schema ids of ${SUSPECT_COMPANIES} or more companies, and it lacks half or ` +
      'more of the ids that were used before: it may be the wrong one, or an old backup. Check SCHEMA_REGISTRY_URL; ' +
      'the partition continues without a restart when the registry has most of these ids. If the producers are wrong, ' +
      'copy the records to the dead-letter topic and hold their companies: company-sync run --consent unknown-schemas, with the settings ' +
      'of this instance',
  );
}
