/** `dead-letters repair --all`. */
import { shellQuoted, withoutCommands } from '../lib/shell-command.js';
import { recordBytes } from '../lib/record.js';
import { RECORD_NAMES } from '../decode/payload.js';
import { type DeadLetter, idOf, withoutBytes } from '../publish/dead-letter.js';
import { InstanceError } from '../ops/instance-client.js';
import type { ReadDeadLetters } from './dead-letter-collector.js';
import { portionsOf } from './dead-letter-portions.js';
import { firstFailureOf } from './first-failure.js';
import {
  originalRecord,
  RefusedError,
  refuseIf,
  repairOf,
  send,
  silences,
  wouldSend,
  type Repair,
  type Repairs,
} from './dead-letter-repair.js';
import { refusalOfOriginal } from './original-record.js';
import { judgedByTime } from './input-afterwards.js';
import type { RepairAllInput } from './repair-all-input.js';
import type { RecordId } from './repair-attempts.js';
import { watchedIn, WatchedCompanies } from './watched-companies.js';
import { UsageError } from './command.js';

interface RepairAllFlags {
  readonly code: string | null;
  /** In milliseconds since the epoch. */
  readonly since: number | null;
  readonly force: boolean;
  readonly unverified: boolean;
  readonly 'dry-run': boolean;
}

/**
 * Sends again all dead letters that can be read now, in the order in which they came. For each of the others, prints
 * why it was not sent. A dead letter that would silence its company is not sent either. If a dead letter and a repair of
 * it can both be read, the repair is sent.
 * @returns the exit code
 */
export async function repairAll(tools: Repairs, flags: RepairAllFlags): Promise<number> {
  const { desk, print } = tools;
  const { code, since } = flags;
  const isWanted = (deadLetter: DeadLetter) => code === null || deadLetter.code === code;
  const sizes = new Map<RecordId, number>();
  const watched = new WatchedCompanies(desk, flags.force);
  const keep = (deadLetter: DeadLetter) => {
    if (!isWanted(deadLetter)) return null;
    // Anyone may write several dead letters of one record. The next read may find any of them first, so the largest
    // counts.
    const id = idOf(deadLetter);
    sizes.set(id, Math.max(recordBytes(deadLetter), sizes.get(id) ?? 0));
    watched.take(deadLetter);
    return withoutBytes(deadLetter);
  };
  const read = await desk.readAll(since, keep, () => watched.decode());
  const repairedNow = new Set<RecordId>();
  const input = await desk.inputForAll({ read, watched: watched.all, repairedNow });
  const repairs = new RepairOfAll(tools, read, input, repairedNow, flags);
  for (const ids of portionsOf(read, sizes)) {
    const portion = await desk.readAll(since, (deadLetter) =>
      isWanted(deadLetter) && ids.has(idOf(deadLetter)) ? deadLetter : null,
    );
    await repairs.repair(portion.deadLetters);
  }
  const what = flags['dry-run'] ? 'would be sent again: nothing was sent' : 'were sent again';
  print(`${repairs.repaired} of ${repairs.open} dead letters without a repair ${what}`);
  return 0;
}

class RepairOfAll {
  /** Dead letters that had no repair before. */
  open = 0;
  /** Dead letters among them that have a repair now. */
  repaired = 0;
  /** Dead letters that repairs in this run replace. */
  readonly #replaced = new Set<RecordId>();
  /** The place of each dead letter in the order of all. */
  readonly #places: ReadonlyMap<RecordId, number>;

  /**
   * @param repairedNow gets the dead letters whose repairs this run has sent. These repairs are at the end of the input,
   *   but they stand for records before the dead letters of later portions
   */
  constructor(
    private readonly tools: Repairs,
    private readonly read: ReadDeadLetters,
    private readonly input: RepairAllInput,
    private readonly repairedNow: Set<RecordId>,
    private readonly flags: RepairAllFlags,
  ) {
    this.#places = new Map(read.deadLetters.map((deadLetter, place) => [idOf(deadLetter), place]));
  }

  async repair(deadLetters: readonly DeadLetter[]): Promise<void> {
    const { print } = this.tools;
    const repairs = await this.#judge(deadLetters);
    for (const repair of repairs.sort((a, b) => this.#placeOf(a) - this.#placeOf(b))) {
      try {
        if (this.flags['dry-run']) print(wouldSend(repair));
        else {
          await send(this.tools, repair, null);
          this.repairedNow.add(idOf(repair.deadLetter));
        }
      } catch (error) {
        if (!(error instanceof UsageError || error instanceof InstanceError)) throw error;
        print(`${idOf(repair.deadLetter)}: not repaired: ${error.message}`);
        continue;
      }
      this.repaired += [...repair.replaced].filter((recordId) => this.#places.has(recordId)).length;
    }
  }

  /** Returns the repairs that may be sent. For each of the other dead letters, prints why it is not repaired. */
  async #judge(deadLetters: readonly DeadLetter[]): Promise<Repair[]> {
    const { desk, print } = this.tools;
    const events = await desk.readAgain(deadLetters);
    const { afterwards, originals } = await this.input.after(deadLetters, watchedIn(events, this.flags.force));
    const repairs: Repair[] = [];
    const notRepaired: string[] = [];
    // Begins with the latest dead letter. A dead letter may itself be a failed repair. Then one new repair replaces it
    // and the dead letters that it named.
    for (const [i, deadLetter] of [...deadLetters.entries()].reverse()) {
      const id = idOf(deadLetter);
      const event = events[i];
      const isReplaced = this.#replaced.has(id);
      if (event === undefined || (!isReplaced && afterwards.repairOf(id) !== null)) continue;
      this.open++;
      if (isReplaced) continue;
      try {
        if (!this.flags.unverified) refuseIf(refusalOfOriginal(originals.of(deadLetter), deadLetter));
        if (typeof event === 'string') throw new RefusedError(withoutCommands(event));
        const record = originalRecord(deadLetter, this.flags.force);
        if (judgedByTime(event, this.flags.force))
          refuseIf(afterwards.refusalOf(event, firstFailureOf(deadLetter, this.read)));
        const repair = repairOf(deadLetter, event, record, this.read, this.flags.force);
        if (silences(event)) refuseIf(silencesCompany(repair));
        for (const recordId of repair.replaced) this.#replaced.add(recordId);
        repairs.push(repair);
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error;
        notRepaired.push(`${id}: not repaired: ${error.message}`);
      }
    }
    for (const line of notRepaired.reverse()) print(line);
    return repairs;
  }

  #placeOf({ replaced }: Repair): number {
    return [...replaced].reduce((least, id) => Math.min(least, this.#places.get(id) ?? Infinity), Infinity);
  }
}

function silencesCompany({ deadLetter, event: { companyId, payload } }: Repair): string {
  return (
    `its ${RECORD_NAMES[payload.kind]} would silence company ${shellQuoted(companyId)} permanently: if that is right, run company-sync ` +
    `dead-letters repair ${idOf(deadLetter)}`
  );
}
