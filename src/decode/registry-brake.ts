/**
 * Keeps a wrong registry from turning all input into dead letters. A registry that knows none of the ids in use looks like
 * producers who are all wrong: each record would be an `unknown-schema`, and each company be held. So if nothing but unknown
 * ids comes from many companies, the registry is asked for ids that this deployment has used: those that were decoded last,
 * and those of records all over the input. If it has none of them either, the partition waits as in an outage, until the
 * registry has one or an operator confirms. If it has one, it is the right registry, and the records are bad.
 *
 * One brake serves all partitions of a process, which share the registry: a single record that was decoded, in any of them,
 * shows that it is the right one. A restart begins to count again; the records that were stopped are then read again.
 */
import { framingFault, schemaIdOf } from '../avro/framing.js';
import type { Clock } from '../lib/clock.js';
import { Coalesced } from '../lib/coalesced.js';
import type { LogRecord } from '../lib/record.js';
import { unlessAborted } from './schema-resolution.js';
import { isPoison, type Decoded } from './poison.js';
import { RegistryUnavailableError, type SchemaSource } from './schema-source.js';

/** So many companies with unknown ids, and no record of a known id, make the registry suspect. */
export const SUSPECT_COMPANIES = 20;
/** After a record of a known id so many records of unknown ones must follow: a single producer may send a burst of them. */
export const SUSPECT_RECORDS = 1_000;
/** Ids that were decoded last, which a suspect registry is asked for. */
const MAX_KNOWN_IDS = 10;
/** Milliseconds for which ids that were found in the input are good. A suspect registry is asked for them every few seconds. */
export const SAMPLE_AGAIN_MS = 60_000;

/** The registry answers, but it may be the wrong one. */
export class UnconfirmedSchemasError extends RegistryUnavailableError {}

export interface RegistryBrakeOptions {
  /** An operator has confirmed that unknown ids are the producers' fault: nothing is stopped. */
  readonly isConfirmed: boolean;
  readonly decoder: {
    decodeBatch(records: readonly LogRecord[], signal: AbortSignal): Promise<Decoded[]>;
    /** Unknown ids are asked for again from now on. */
    forgetDenials(): void;
  };
  readonly source: SchemaSource;
  /** Schema ids that records all over the input have, not many. Never rejects. */
  readonly sampleIds: () => Promise<ReadonlySet<number>>;
  readonly clock: Pick<Clock, 'now'>;
}

export class RegistryBrake {
  readonly #options: RegistryBrakeOptions;
  readonly #companies = new Set<string>();
  /** Records of unknown ids since the last one of a known id; Infinity before the first of those. */
  #unknownInARow = Infinity;
  /** The one decoded longest ago first. */
  readonly #knownIds = new Set<number>();
  #sampled: { readonly ids: ReadonlySet<number>; readonly atMs: number } | null = null;
  readonly #proof = new Coalesced(() => this.#hasOurs());
  /** Records were stopped, and the registry was not found to be the right one since. */
  #hasStopped = false;
  /** How often denials of a registry that was suspect were forgotten. */
  #forgotten = 0;

  constructor(options: RegistryBrakeOptions) {
    this.#options = options;
  }

  /**
   * Decodes as the decoder does. Nothing may be decided on records that it stops: call it again with the same ones.
   * @throws UnconfirmedSchemasError if the partition is to wait; what the decoder throws
   */
  async decode(records: readonly LogRecord[], signal: AbortSignal): Promise<Decoded[]> {
    const { decoder, isConfirmed } = this.#options;
    for (;;) {
      const forgotten = this.#forgotten;
      const decoded = await decoder.decodeBatch(records, signal);
      if (isConfirmed) return decoded;
      const unknown = this.#count(records, decoded);
      if (unknown === 0) return decoded;
      if (this.#isSuspect(decoded, unknown)) {
        if (!(await unlessAborted(this.#proof.ask(), signal))) {
          this.#hasStopped = true;
          throw suspect();
        }
        this.#isRight();
      } else this.#unknownInARow += unknown;
      // What a suspect registry has denied says nothing: the right one is asked.
      if (forgotten === this.#forgotten) return decoded;
    }
  }

  /** @returns how many records of unknown ids there are after the last one of a known id */
  #count(records: readonly LogRecord[], decoded: readonly Decoded[]): number {
    const lastKnown = decoded.findLastIndex(hasKnownId);
    if (lastKnown >= 0) {
      this.#noteKnown(records[lastKnown]?.value ?? null);
      this.#isRight();
    }
    let unknown = 0;
    for (let i = lastKnown + 1; i < decoded.length; i++) {
      const one = decoded[i] as Decoded;
      if (!isPoison(one) || one.code !== 'unknown-schema') continue;
      unknown++;
      if (one.heldCompanyId !== null && this.#companies.size < SUSPECT_COMPANIES)
        this.#companies.add(one.heldCompanyId);
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

  /** Whether the registry has an id that this deployment has used. @throws RegistryUnavailableError */
  async #hasOurs(): Promise<boolean> {
    if (await this.#hasOneOf(this.#knownIds)) return true;
    return this.#hasOneOf(await this.#sampledIds());
  }

  async #hasOneOf(ids: ReadonlySet<number>): Promise<boolean> {
    // Ids start at 1; a registry may well fail on others, which must not pass for an outage.
    for (const id of ids) if (id >= 1 && (await this.#options.source.schemaById(id)) !== null) return true;
    return false;
  }

  async #sampledIds(): Promise<ReadonlySet<number>> {
    const { clock, sampleIds } = this.#options;
    if (this.#sampled === null || Math.abs(clock.now() - this.#sampled.atMs) >= SAMPLE_AGAIN_MS)
      this.#sampled = { ids: await sampleIds(), atMs: clock.now() };
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

/** The registry has the id that the record names. */
function hasKnownId(decoded: Decoded): boolean {
  if (!isPoison(decoded)) return true;
  return decoded.code !== 'unknown-schema' && decoded.code !== 'missing-key' && decoded.code !== 'bad-framing';
}

function suspect(): UnconfirmedSchemasError {
  return new UnconfirmedSchemasError(
    `the schema registry has none of the schema ids of ${SUSPECT_COMPANIES} or more companies, nor of the other records ` +
      'of the input that were looked at: it may be the wrong one. Check SCHEMA_REGISTRY_URL; the partition goes on by ' +
      'itself when the registry has an id. If the producers are wrong, set the records aside and hold their companies: ' +
      'company-sync run --consent unknown-schemas',
  );
}
