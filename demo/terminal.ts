/** Prints lines that stay, and one live line that is updated in place if the output is a terminal. */
import { styleText } from 'node:util';
import { printable } from '../src/lib/printable.js';

export type Colour = 'bold' | 'red' | 'green' | 'yellow' | 'dim';

const CLEAR_LINE = '\r\u001b[2K';

export class Terminal {
  readonly #out: NodeJS.WriteStream;
  #live = '';

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  /** Whether a line can be updated in place. */
  get interactive(): boolean {
    return this.#out.isTTY;
  }

  /** Prints a line that stays. */
  say(text: string, colour?: Colour): void {
    const shown = text.split('\n').map(printable).join('\n');
    const line = colour === undefined ? shown : styleText(colour, shown, { stream: this.#out });
    this.#out.write(this.#live === '' ? `${line}\n` : `${CLEAR_LINE}${line}\n${this.#live}`);
  }

  /** Updates the live line. If the output is not a terminal, prints a line that stays. */
  renew(text: string): void {
    if (!this.interactive) this.say(text);
    else {
      this.#live = printable(text).slice(0, this.#out.columns - 1);
      this.#out.write(`${CLEAR_LINE}${this.#live}`);
    }
  }

  /** Leaves the live line on the screen as it is. */
  settle(): void {
    if (this.#live !== '') this.#out.write('\n');
    this.#live = '';
  }
}
