/** `dead-letters repair --all`. */
import { type DeadLetter, idOf, sizeOf, withoutBytes } from '../publish/dead-letter.js';
import { InstanceError } from '../ops/instance-client.js';
import type { ReadLetters } from './dead-letter-desk.js';
import { portionsOf } from './dead-letter-portions.js';
import {
  asFirstCame,
  asItCame,
  RefusedError,
  refuse,
  repairOf,
  send,
  type Repair,
  type Repairs,
} from './dead-letter-repair.js';
import type { RecordId } from './repair-attempts.js';
import { judgedByTime } from './input-afterwards.js';
import { UsageError } from './command.js';

interface RepairAllFlags {
  readonly code: string | null;
  /** In milliseconds since the epoch. */
  readonly since: number | null;
  readonly force: boolean;
}

/**
 * Sends all dead letters again that can be read now, in the order in which they came. It prints why each of the others is
 * left. If a letter and a repair of it can both be read, the repair is sent.
 * @returns the exit code
 */
export async function repairAll(at: Repairs, { code, since, force }: RepairAllFlags): Promise<number> {
  const { desk, print } = at;
  const sizes = new Map<RecordId, number>();
  const read = await desk.letters(since, (letter) => {
    if (code !== null && letter.code !== code) return null;
    sizes.set(idOf(letter), sizeOf(letter));
    return withoutBytes(letter);
  });
  const all = new RepairOfAll(at, read, force);
  for (const ids of portionsOf(read, sizes)) {
    const portion = await desk.letters(since, (letter) => (ids.has(idOf(letter)) ? letter : null));
    await all.repair(portion.letters);
  }
  print(`${all.answered} of ${all.open} dead letters without a repair were sent again`);
  return 0;
}

class RepairOfAll {
  /** Letters that had no repair before. */
  open = 0;
  /** Those of them that have one now. */
  answered = 0;
  /** By repairs that may be sent. */
  readonly #replaced = new Set<RecordId>();
  /** Of each letter among all. */
  readonly #places: ReadonlyMap<RecordId, number>;

  constructor(
    private readonly at: Repairs,
    private readonly read: ReadLetters,
    private readonly force: boolean,
  ) {
    this.#places = new Map(read.letters.map((letter, place) => [idOf(letter), place]));
  }

  async repair(letters: readonly DeadLetter[]): Promise<void> {
    const { print } = this.at;
    const repairs = await this.#judge(letters);
    for (const repair of repairs.sort((a, b) => this.#placeOf(a) - this.#placeOf(b))) {
      try {
        await send(this.at, repair, null);
      } catch (error) {
        if (!(error instanceof UsageError || error instanceof InstanceError)) throw error;
        print(`${idOf(repair.letter)}: left, ${error.message}`);
        continue;
      }
      this.answered += [...repair.replaced].filter((one) => this.#places.has(one)).length;
    }
  }

  /** The repairs that may be sent; prints why the other letters are left. */
  async #judge(letters: readonly DeadLetter[]): Promise<Repair[]> {
    const { desk, print } = this.at;
    const events = await desk.readAgain(letters);
    const watched = new Set(
      events.flatMap((event) =>
        typeof event !== 'string' && judgedByTime(event, this.force) ? [event.companyId] : [],
      ),
    );
    const cameFirst = letters.map((letter) => asFirstCame(letter, this.read));
    const afterwards = await desk.afterwards(cameFirst, this.read.companies, watched);
    const repairs: Repair[] = [];
    const left: string[] = [];
    // The latest first: it replaces the letters that it was to repair.
    for (const [i, letter] of [...letters.entries()].reverse()) {
      const id = idOf(letter);
      const event = events[i];
      const isReplaced = this.#replaced.has(id);
      if (event === undefined || (!isReplaced && afterwards.repairOf(id) !== null)) continue;
      this.open++;
      if (isReplaced) continue;
      try {
        if (typeof event === 'string') throw new RefusedError(event);
        const record = asItCame(letter, this.force);
        if (judgedByTime(event, this.force)) refuse(afterwards.refusalOf(event, asFirstCame(letter, this.read)));
        const repair = repairOf(letter, event, record, this.read, this.force);
        for (const one of repair.replaced) this.#replaced.add(one);
        repairs.push(repair);
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error;
        left.push(`${id}: left, ${error.message}`);
      }
    }
    for (const line of left.reverse()) print(line);
    return repairs;
  }

  #placeOf({ replaced }: Repair): number {
    return [...replaced].reduce((least, id) => Math.min(least, this.#places.get(id) ?? Infinity), Infinity);
  }
}
