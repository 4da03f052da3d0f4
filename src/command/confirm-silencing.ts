/** Asks before companies are silenced, because silencing cannot be undone. */
import { foreignJson } from '../lib/foreign-text.js';
import { flagSwitch } from './command.js';
import { consentTyped } from './consent.js';

/**
 * The number of companies that may be silenced without asking, if a person wrote the records: as many as a person can
 * check by reading.
 */
const UNASKED_COMPANIES = 100;
/** The number of companies that a dry run prints. */
const MAX_NAMED = 100;

/** The companies that the records would silence. Memory does not grow with their number. */
export class SilencedCompanies {
  readonly #named: string[] = [];
  count = 0;

  add(companyId: string): void {
    if (++this.count <= MAX_NAMED) this.#named.push(companyId);
  }

  /** Names a single company by its id, as a JSON string. */
  inWords(): string {
    return this.count === 1 ? `company ${foreignJson(this.#named[0])}` : companies(this.count);
  }

  /** Lines with the number of companies and their ids, each id as a JSON string. */
  *lines(): Generator<string, void, undefined> {
    yield `${companies(this.count)} would never be announced after this, and you cannot undo it:`;
    for (const companyId of this.#named) yield `  ${foreignJson(companyId)}`;
    if (this.count > MAX_NAMED) yield `  and ${this.count - MAX_NAMED} more`;
  }
}

export const SILENCING_FLAGS = {
  'dry-run': flagSwitch('send nothing; print how many companies would never be announced, and which'),
  yes: flagSwitch('send without asking, even if more than 100 companies would never be announced'),
};
type SilencingFlags = Readonly<Record<keyof typeof SILENCING_FLAGS, boolean>>;

interface Asking {
  readonly consent?: (question: string) => Promise<boolean>;
  readonly unasked?: number;
}

/**
 * Decides whether to send. With --dry-run, prints what would be silenced. Asks if there are more than `unasked`
 * companies.
 *
 * @param again the command as it was typed, without --dry-run
 * @param consent asks a person; returns false without a terminal
 */
export async function maySilence(
  silenced: SilencedCompanies,
  flags: SilencingFlags,
  again: string,
  print: (line: string) => void,
  { consent = consentTyped, unasked = UNASKED_COMPANIES }: Asking = {},
): Promise<'send' | 'dry-run' | 'refused'> {
  if (flags['dry-run']) {
    for (const line of silenced.lines()) print(line);
    print(`nothing was sent: to send, run ${again}`);
    return 'dry-run';
  }
  if (silenced.count <= unasked || flags.yes) return 'send';
  const asked = await consent(`Silence ${silenced.inWords()} permanently? You cannot undo it.`);
  if (asked) return 'send';
  print(
    `nothing was sent: the records would silence ${silenced.inWords()} permanently, and nobody confirmed that. ` +
      `To see which companies, run ${again} --dry-run. To send, run ${again} --yes`,
  );
  return 'refused';
}

export function companies(count: number): string {
  return count === 1 ? '1 company' : `${count} companies`;
}
