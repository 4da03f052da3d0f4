/** The companies whose later events matter for repairs, collected while the dead letters are read. */
import type { InputEvent } from '../domain/events.js';
import type { DeadLetter } from '../publish/dead-letter.js';
import type { DeadLetterDesk } from './dead-letter-desk.js';
import { judgedByTime } from './input-afterwards.js';

/** Anyone may send any number of ids. The ids take about this many bytes, and as many again for the set. */
const MAX_WATCHED_BYTES = 64 * 1_024 * 1_024;

/** The companies of the events that may undo later records. */
export function watchedIn(events: readonly (InputEvent | string)[], force: boolean): Set<string> {
  const isWatched = (event: InputEvent | string) => typeof event !== 'string' && judgedByTime(event, force);
  return new Set(events.filter(isWatched).map((event) => (event as InputEvent).companyId));
}

export class WatchedCompanies {
  readonly #companies = new Set<string>();
  #waiting: DeadLetter[] = [];
  #bytes = 0;

  constructor(
    private readonly desk: Pick<DeadLetterDesk, 'readAgain'>,
    private readonly force: boolean,
    private readonly maxBytes = MAX_WATCHED_BYTES,
  ) {}

  /** The dead letter is decoded at the next call of `decode`. Until then, its bytes must be valid. */
  take(deadLetter: DeadLetter): void {
    if (!this.force && this.#bytes <= this.maxBytes) this.#waiting.push(deadLetter);
  }

  /** Decodes the dead letters that were taken. */
  async decode(): Promise<void> {
    const taken = this.#waiting;
    this.#waiting = [];
    if (taken.length === 0) return;
    for (const company of watchedIn(await this.desk.readAgain(taken), this.force)) {
      if (this.#bytes > this.maxBytes) return;
      if (!this.#companies.has(company)) this.#bytes += company.length;
      this.#companies.add(company);
    }
  }

  /** Null if there are too many. */
  get all(): ReadonlySet<string> | null {
    return this.#bytes > this.maxBytes ? null : this.#companies;
  }
}
