/** The answers that a scenario gets, with the same name for the same thing in each cluster. */
import { NOT_COMPARED } from './accepted-differences.js';

export interface NotedAnswer {
  readonly step: string;
  /** The fields, as JSON. */
  readonly fields: string;
}

const LEFT_OUT: ReadonlySet<string> = new Set(NOT_COMPARED.flatMap(({ fields = [] }) => fields));

export class Answers {
  readonly noted: NotedAnswer[] = [];
  readonly #producers = new Map<bigint, string>();
  readonly #names = new Map<string, string>();

  /** From now on, `value` is noted as `name`. */
  call(value: string, name: string): void {
    if (value !== '') this.#names.set(value, name);
  }

  note(step: string, answer: unknown): void {
    this.noted.push({ step, fields: JSON.stringify(answer, (key, value: unknown) => this.#normal(key, value)) });
  }

  #normal(key: string, value: unknown): unknown {
    if (LEFT_OUT.has(key)) return undefined;
    if (typeof value === 'bigint') return this.#producer(value);
    if (typeof value === 'string') return this.#names.get(value) ?? value;
    if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [this.#text(k), v as unknown]));
    return value;
  }

  #text(value: unknown): string {
    return typeof value === 'bigint' ? this.#producer(value) : String(value);
  }

  #producer(id: bigint): string {
    if (id < 0n) return String(id);
    const name = this.#producers.get(id) ?? `producer ${this.#producers.size + 1}`;
    this.#producers.set(id, name);
    return name;
  }
}
