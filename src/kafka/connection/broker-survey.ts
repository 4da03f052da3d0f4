/**
 * One question to several brokers at once.
 *
 * A broker that is cut off from its peers does not know that the others have chosen new leaders and coordinators. It goes
 * on to answer its clients as of the cut. So nothing that decides is taken from the word of one broker.
 */
import type { Clock } from '../../lib/clock.js';

/**
 * How many brokers are asked. Of a larger cluster each survey asks others (`AnyBroker`). So if up to two brokers are cut off
 * from the others, they are never most of those asked. If more are cut off, a survey may happen to ask most of them: then
 * only a write proves what is true.
 */
export const MOST_ASKED = 5;
/** After the first answer. A broker that is down refuses at once; only a frozen one takes this long. */
const PATIENCE_MS = 1_000;

/** An answer, and the address of the broker that gave it. */
export interface Answered<T> {
  readonly answer: T;
  readonly answeredBy: string;
}

export interface Surveyed<T> {
  /** In the order in which they came, at least one. */
  readonly answers: readonly Answered<T>[];
  /** How many brokers are known, MOST_ASKED at most. */
  readonly known: number;
  /** More than half of those have answered, and `answers` are theirs. */
  readonly byMost: boolean;
}

export interface SurveyOptions<T> {
  /** The addresses to ask; read again after each answer, which may have made more of them known. */
  readonly addresses: () => readonly string[];
  readonly ask: (address: string) => Promise<T>;
  /** Called with each answer, before `addresses` is read again. */
  readonly onAnswer: (answer: T) => void;
  /** Whether the answers so far will do, of `known` brokers: one answer of each, under the address that is known. */
  readonly enough: (answers: readonly Answered<T>[], known: number) => boolean;
  readonly clock: Clock;
}

export function isMost(count: number, known: number): boolean {
  return count * 2 > known;
}

/** @throws the first failure if no broker has answered */
export function survey<T>(options: SurveyOptions<T>): Promise<Surveyed<T>> {
  return new Promise((resolve, reject) => new Survey(options, resolve, reject).look());
}

class Survey<T> {
  readonly #asked = new Set<string>();
  readonly #answers: Answered<T>[] = [];
  readonly #failures: unknown[] = [];
  /** Aborts when the outcome is there. */
  readonly #over = new AbortController();

  constructor(
    private readonly options: SurveyOptions<T>,
    private readonly resolve: (surveyed: Surveyed<T>) => void,
    private readonly reject: (failure: unknown) => void,
  ) {}

  /** Asks the brokers that were not asked yet. Ends if the answers are enough, or if no broker is left to answer. */
  look(patienceIsOver = false): void {
    if (this.#over.signal.aborted) return;
    const known = this.options.addresses().slice(0, MOST_ASKED);
    for (const address of known) if (!this.#asked.has(address)) void this.#ask(address);
    const answers = this.#answers;
    // A broker that was configured under another address than its own answers under both, and must not count twice.
    const counted = answers.filter(({ answeredBy }) => known.includes(answeredBy));
    const all = answers.length + this.#failures.length === this.#asked.size;
    const enough = answers.length > 0 && (patienceIsOver || this.options.enough(counted, known.length));
    if (!all && !enough) return;
    this.#over.abort();
    if (answers.length === 0) return this.reject(this.#failures[0]);
    const byMost = isMost(counted.length, known.length);
    this.resolve({ answers: byMost ? counted : [...answers], known: known.length, byMost });
  }

  /** Never rejects. */
  async #ask(address: string): Promise<void> {
    this.#asked.add(address);
    const { ask, onAnswer, clock } = this.options;
    try {
      const answer = await ask(address);
      onAnswer(answer);
      this.#answers.push({ answer, answeredBy: address });
      if (this.#answers.length === 1) void clock.delay(PATIENCE_MS, this.#over.signal).then(() => this.look(true));
    } catch (error) {
      this.#failures.push(error);
    }
    this.look();
  }
}
