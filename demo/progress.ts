import type { AnnouncementCounter } from './announcement-counter.js';
import type { Consumption } from './consumption.js';
import type { ProcessorInstance } from './processor-instance.js';
import type { Simulator } from './simulator.js';
import type { Terminal } from './terminal.js';
import type { Webhooks } from './webhooks.js';

/** Milliseconds between two updates of the line: in place on a terminal, otherwise as a new line. */
const RENEW_MS = 250;
const PRINT_MS = 2_000;

export interface Shown {
  readonly simulator: Simulator;
  readonly consumption: Consumption;
  readonly announcements: AnnouncementCounter;
  readonly webhooks: Webhooks;
  readonly instances: readonly ProcessorInstance[];
}

/** Shows the progress of simulator, processors and dispatcher, until it is stopped. */
export class Progress {
  readonly #terminal: Terminal;
  readonly #shownOf: Shown;
  readonly #startedAt = Date.now();
  readonly #stopped = new AbortController();
  #shown: Promise<void> = Promise.resolve();

  constructor(terminal: Terminal, shown: Shown) {
    this.#terminal = terminal;
    this.#shownOf = shown;
    const timer = setInterval(
      () => {
        this.#shown = this.#shown.then(() => this.#show());
      },
      terminal.interactive ? RENEW_MS : PRINT_MS,
    );
    this.#stopped.signal.addEventListener('abort', () => clearInterval(timer));
  }

  /** Shows the line a last time and leaves it on the screen. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#shown;
    await this.#show();
    this.#terminal.settle();
  }

  async #show(): Promise<void> {
    this.#terminal.renew(await this.#line());
  }

  async #line(): Promise<string> {
    const { simulator, consumption, announcements, webhooks, instances } = this.#shownOf;
    const partitions = await consumption.read().catch(() => null);
    const processed = partitions?.reduce((sum, { committed }) => sum + committed, 0) ?? '?';
    const seconds = ((Date.now() - this.#startedAt) / 1_000).toFixed(1).padStart(5);
    const states = instances.map(({ name, running }) => `${name} ${running ? 'up' : 'DOWN'}`);
    return (
      `${seconds} s  written ${simulator.written} of ${simulator.total}, processed ${processed}, ` +
      `announced ${announcements.count}, webhooks ${webhooks.count}, ${states.join(', ')}`
    );
  }
}
