/** What the demo prints: lines that stay, and one that is renewed in place where the output is a terminal. */

const COLOURS = { bold: 1, red: 31, green: 32, yellow: 33, dim: 2 } as const;
export type Colour = keyof typeof COLOURS;

const CLEAR_LINE = '\r\u001b[2K';

export class Terminal {
  readonly #out: NodeJS.WriteStream;
  readonly #coloured: boolean;
  #live = '';

  constructor(out: NodeJS.WriteStream, env: NodeJS.ProcessEnv) {
    this.#out = out;
    this.#coloured = out.isTTY && !env['NO_COLOR'];
  }

  /** Whether a line can be renewed in place. */
  get interactive(): boolean {
    return this.#out.isTTY;
  }

  /** Prints a line that stays. */
  say(text: string, colour?: Colour): void {
    const line = colour === undefined ? text : this.paint(text, colour);
    this.#out.write(this.#live === '' ? `${line}\n` : `${CLEAR_LINE}${line}\n${this.#live}`);
  }

  /** Renews the live line; where there can be none, prints a line that stays. */
  renew(text: string): void {
    if (!this.interactive) this.say(text);
    else {
      this.#live = text.slice(0, this.#out.columns - 1);
      this.#out.write(`${CLEAR_LINE}${this.#live}`);
    }
  }

  /** Lets the live line stay as it is. */
  settle(): void {
    if (this.#live !== '') this.#out.write('\n');
    this.#live = '';
  }

  paint(text: string, colour: Colour): string {
    return this.#coloured ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;
  }
}
