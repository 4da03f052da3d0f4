/**
 * Keeps a wrong registry from turning all input into dead letters. A registry that knows none of the ids in use looks like
 * producers who are all wrong: each record would be an `unknown-schema`, and each company be held. So if nothing but unknown
 * ids comes from many companies, the partition waits as in an outage, until the registry has an id or an operator confirms.
 *
 * One brake serves all partitions of a process, which share the registry: a single record that was decoded, in any of them,
 * shows that it is the right one. A restart begins to count again; the records that were stopped are then read again.
 */
import { isPoison, type Decoded } from './poison.js';
import { RegistryUnavailableError } from './schema-source.js';

/** So many companies with unknown ids, and no record of a known id, are not an accident of a single producer. */
export const SUSPECT_COMPANIES = 20;
/** After a record of a known id so many records of unknown ones must follow: a single producer may send a burst of them. */
export const SUSPECT_RECORDS = 1_000;

/** The registry answers, but it may be the wrong one. */
export class UnconfirmedSchemasError extends RegistryUnavailableError {}

export class RegistryBrake {
  readonly #companies = new Set<string>();
  /** Records of unknown ids since the last one of a known id; Infinity before the first of those. */
  #unknownInARow = Infinity;

  /** @param isConfirmed an operator has confirmed that unknown ids are the producers' fault: nothing is stopped */
  constructor(private readonly isConfirmed: boolean) {}

  /**
   * Gives `decoded` back, which nothing was decided on yet. Call it again with the same records when they were decoded again.
   * @throws UnconfirmedSchemasError if the partition is to wait
   */
  check(decoded: Decoded[]): Decoded[] {
    if (this.isConfirmed) return decoded;
    const lastKnown = decoded.findLastIndex(hasKnownId);
    if (lastKnown >= 0) {
      this.#companies.clear();
      this.#unknownInARow = 0;
    }
    let unknown = 0;
    for (let i = lastKnown + 1; i < decoded.length; i++) {
      const one = decoded[i] as Decoded;
      if (!isPoison(one) || one.code !== 'unknown-schema') continue;
      unknown++;
      if (one.heldCompanyId !== null && this.#companies.size < SUSPECT_COMPANIES)
        this.#companies.add(one.heldCompanyId);
    }
    const isSuspect = this.#companies.size >= SUSPECT_COMPANIES && this.#unknownInARow + unknown >= SUSPECT_RECORDS;
    if (isSuspect && unknown > 0 && lastKnown < 0) throw suspect();
    this.#unknownInARow += unknown;
    return decoded;
  }
}

/** The registry has the id that the record names. */
function hasKnownId(decoded: Decoded): boolean {
  if (!isPoison(decoded)) return true;
  return decoded.code !== 'unknown-schema' && decoded.code !== 'missing-key' && decoded.code !== 'bad-framing';
}

function suspect(): UnconfirmedSchemasError {
  return new UnconfirmedSchemasError(
    `the schema registry has none of the schema ids of ${SUSPECT_COMPANIES} or more companies, and no record could be ` +
      'decoded: it may be the wrong one. Check SCHEMA_REGISTRY_URL; the partition goes on by itself when the registry has ' +
      'an id. If the producers are wrong, set the records aside and hold their companies: company-sync run --consent ' +
      'unknown-schemas',
  );
}
