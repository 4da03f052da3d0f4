import { appendFileSync } from 'node:fs';
import type { LogLine, Processor } from '../../testkit/processor.js';

/** The characters that are kept of stack traces and other long values. */
const MAX_CHARACTERS = 300;

/** The actions of a test and the log lines of its instances, in one order. */
export class Timeline {
  readonly #startedAt = Date.now();
  readonly #events: { readonly at: number; readonly text: string }[] = [];
  readonly #instances = new Map<string, Processor>();

  note(text: string): void {
    this.#events.push({ at: Date.now(), text });
  }

  follow(name: string, instance: Processor): void {
    this.#instances.set(name, instance);
  }

  /** If TIMELINE is set, appends everything to the file that it names. @param shown as for `lines` */
  keep(shown: (line: LogLine) => boolean): void {
    const file = process.env['TIMELINE'];
    if (file !== undefined) appendFileSync(file, [...this.lines(shown), '\n'].join('\n'));
  }

  /** @param shown which lines of the instances' logs */
  lines(shown: (line: LogLine) => boolean): string[] {
    const logged = [...this.#instances].flatMap(([name, { log }]) =>
      log.filter(shown).map((line) => ({ at: Number(line['time'] ?? 0), text: `${name}: ${briefly(line)}` })),
    );
    return [...this.#events.map(({ at, text }) => ({ at, text: `--- ${text}` })), ...logged]
      .sort((a, b) => a.at - b.at)
      .map(({ at, text }) => `${((at - this.#startedAt) / 1_000).toFixed(1).padStart(6)} ${text}`);
  }
}

function briefly(line: LogLine): string {
  const { msg, partition, reason, err } = line;
  const words = [partition === undefined ? msg : `${partition} ${msg}`];
  if (typeof reason === 'string') words.push(reason);
  if (err !== undefined) words.push(String((err as { message?: unknown }).message));
  for (const field of ['partitions', 'companyId', 'offset', 'why', 'outcome', 'places', 'code'])
    if (line[field] !== undefined) words.push(`${field}=${JSON.stringify(line[field])}`);
  return words.join('; ').slice(0, MAX_CHARACTERS);
}
