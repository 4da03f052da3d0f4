/**
 * Asks several brokers one question at once.
 *
 * A broker that is cut off from its peers does not know that the others have chosen new leaders and coordinators. It
 * continues to answer its clients with the values from before the cut. So no decision depends on the answer of one
 * broker.
 */
import { End, type Clock } from '../../lib/clock.js';

/**
 * How many brokers a survey asks. In a larger cluster, each survey asks different brokers (`AnyBroker`). If up to two
 * brokers are cut off from the others, they are never the majority of the brokers asked. If more are cut off, they may
 * be the majority. Then only a write proves which answers are current.
 */
export const MAX_ASKED = 5;
/**
 * How long to wait after the first answer. A broker that is down refuses at once; only a frozen one takes this long.
 */
const OTHER_ANSWERS_WAIT_MS = 1_000;

/** An answer, and the address of the broker that gave it. */
export interface Answered<T> {
  readonly answer: T;
  readonly answeredBy: string;
}

export interface Surveyed<T> {
  /** At least one, in the order in which they arrived. */
  readonly answers: readonly Answered<T>[];
  /** How many brokers are known; at most MAX_ASKED. */
  readonly known: number;
  /** More than half of the known brokers (MAX_ASKED at most) have answered. Then `answers` has only their answers. */
  readonly byMost: boolean;
}

export interface SurveyOptions<T> {
  /** The addresses to ask. Called again after each answer, because an answer may name more brokers. */
  readonly addresses: () => readonly string[];
  readonly ask: (address: string) => Promise<T>;
  /** Called with each answer, before `addresses` is called again. */
  readonly onAnswer: (answer: T) => void;
  /** Whether the answers so far are enough, given `known` brokers. Each broker counts once, under its known address. */
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
  /** Aborts when the outcome is known. One wait listens to it: the one after the first answer. */
  readonly #over = new End();

  constructor(
    private readonly options: SurveyOptions<T>,
    private readonly resolve: (surveyed: Surveyed<T>) => void,
    private readonly reject: (failure: unknown) => void,
  ) {}

  /** Asks the brokers that were not asked yet. Finishes if the answers are enough, or if every broker has responded. */
  look(patienceIsOver = false): void {
    if (this.#over.aborted) return;
    const known = this.options.addresses().slice(0, MAX_ASKED);
    for (const address of known) if (!this.#asked.has(address)) void this.#ask(address);
    const answers = this.#answers;
    // A broker whose configured address differs from its own answers under both addresses. It must not count twice.
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
      if (this.#answers.length === 1) void clock.delay(OTHER_ANSWERS_WAIT_MS, this.#over).then(() => this.look(true));
    } catch (error) {
      this.#failures.push(error);
    }
    this.look();
  }
}
