/**
 * Runs one look-up at a time for many callers. Each caller gets the result of a look-up that began after its call. So
 * no caller gets a result that may already have been out of date when it called.
 */
export class Coalesced<T> {
  #running: Promise<T> | null = null;
  #next: Promise<T> | null = null;

  constructor(private readonly lookUp: () => Promise<T>) {}

  ask(): Promise<T> {
    if (this.#running === null) return this.#start();
    this.#next ??= this.#running.then(
      () => this.#start(),
      () => this.#start(),
    );
    return this.#next;
  }

  #start(): Promise<T> {
    this.#next = null;
    const running = this.lookUp().finally(() => {
      if (this.#running === running) this.#running = null;
    });
    this.#running = running;
    return running;
  }
}
