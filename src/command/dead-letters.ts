/** `company-sync dead-letters list | show | repair | release`. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Config, Flags } from '../config.js';
import type { RecordToWrite } from '../lib/record.js';
import { InstanceError } from '../ops/instance-client.js';
import { idOf, withoutBytes, type DeadLetter } from '../publish/dead-letter-reading.js';
import { releaseInPortions, sendReleases } from './dead-letter-release.js';
import { DeadLetterDesk, type ReadLetters } from './dead-letter-desk.js';
import { clientOf, repairOne, type Repairing } from './dead-letter-repair.js';
import { repairAll } from './dead-letter-repair-all.js';
import { idOfLetter, lettersWanted } from './dead-letter-flags.js';
import type { InputAfterwards } from './input-afterwards.js';
import { printJson, type Print } from './print.js';
import { progressTo } from './progress.js';
import { RunningInstances } from './running-instances.js';
import { UsageError } from './usage-error.js';

/** Records that the outcome of a release names. */
const MAX_NAMED_HOLDS = 100;

type Verb = 'list' | 'show' | 'repair' | 'release';

/** @returns the exit code */
export async function deadLettersCommand(
  verb: Verb,
  config: Config,
  [word]: readonly string[],
  own: Flags,
  logger: Logger,
  schemasFolder: string,
  print: Print,
): Promise<number> {
  const desk = new DeadLetterDesk(config, logger, schemasFolder);
  const at: Repairing = { desk, instances: new RunningInstances(config, logger), own, print };
  try {
    switch (verb) {
      case 'list':
        return await list(at);
      case 'show':
        return await show(at, word ?? '');
      case 'repair':
        return await (word === undefined ? repairAll(at) : repairOne(at, idOfLetter(word)));
      case 'release':
        return await release(at, word ?? '');
    }
  } finally {
    await desk.close();
  }
}

async function list({ desk, own, print }: Repairing): Promise<number> {
  const { sinceMs, isWanted } = lettersWanted(own);
  const wanted = (letter: DeadLetter) => (isWanted(letter) ? withoutBytes(letter) : null);
  const read = await desk.letters(sinceMs, wanted);
  const afterwards = await desk.afterwards(read.letters, read.companies, new Set());
  const open = read.letters.filter((letter) => afterwards.repairOf(idOf(letter)) === null);
  const listed = own['open'] === true ? open : read.letters;
  if (own['json'] === true) {
    for (const letter of listed) print(JSON.stringify(described(letter, read, afterwards)));
    return 0;
  }
  const opened = new Set(open);
  for (const letter of listed) print(lineOf(letter, read, afterwards), opened.has(letter) ? 'yellow' : undefined);
  print(`${listed.length} dead letters, ${open.length} of them without a repair`);
  return 0;
}

async function show({ desk, own, print }: Repairing, word: string): Promise<number> {
  const read = await desk.letter(idOfLetter(word));
  const { letter } = read;
  const afterwards = await desk.afterwards([letter], read.companies, new Set());
  const [now] = await desk.readAgain([letter]);
  const event = typeof now === 'string' ? null : now;
  if (own['json'] === true) {
    const value = letter.value?.toString('base64') ?? null;
    printJson({ ...described(letter, read, afterwards), value, event }, print, bigints);
    return 0;
  }
  print(lineOf(letter, read, afterwards));
  print(`  ${letter.message}`);
  print(
    `  value: ${letter.value === null ? 'null' : `${letter.value.length} bytes, ${letter.value.toString('base64')}`}`,
  );
  for (const { key, value } of letter.headers) print(`  header ${key}: ${value?.toString() ?? 'null'}`);
  print(`  read again now: ${typeof now === 'string' ? now : JSON.stringify(now, bigints)}`);
  return 0;
}

async function release({ desk, instances, own, print }: Repairing, companyId: string): Promise<number> {
  const { why } = own;
  if (typeof why !== 'string' || why === '') throw new UsageError(['dead-letters release needs --why <text>']);
  const { holds, clientId, asOf, sentence } = await instances.explanation(companyId);
  if (holds.length === 0 || asOf === null) {
    print(sentence);
    throw new InstanceError(`nothing holds company ${companyId}`);
  }
  const ids = holds.map(({ record }) => record);
  const client = clientOf(companyId, clientId, own);
  const recordOf = (lifted: readonly string[]) => desk.releaseOf(companyId, client, lifted, why);
  const send = (record: RecordToWrite) => desk.send([{ ...record, partition: asOf.partition }]);
  const holdsNow = async () => (await instances.explanation(companyId)).holds.map(({ record }) => record);
  const sendAll = (portion: readonly string[]) => sendReleases(portion, recordOf, send, progressTo(print));
  const released = await releaseInPortions(ids, holdsNow, sendAll, delay);
  const named = ids.slice(0, MAX_NAMED_HOLDS);
  const more = released - named.length;
  print(`company ${companyId} is released from ${named.join(', ')}${more > 0 ? ` and ${more} more records` : ''}`);
  return 0;
}

function lineOf(letter: DeadLetter, read: ReadLetters, afterwards: InputAfterwards): string {
  const { code, writtenAt, key } = letter;
  const company = key === null || key.length === 0 ? 'no key' : key.toString();
  const state = stateOf(idOf(letter), read, afterwards);
  return `${idOf(letter).padEnd(10)}  ${new Date(writtenAt).toISOString()}  ${code.padEnd(17)}  ${company}  (${state})`;
}

function stateOf(id: string, { attempts }: ReadLetters, afterwards: InputAfterwards): string {
  const [repair, failed, targets] = [afterwards.repairOf(id), attempts.failedRepairsOf(id), attempts.targetsOf(id)];
  const was = targets.length === 0 ? '' : `; it was a repair of ${targets.join(', ')}`;
  if (repair !== null) return `repair sent: ${repair}${was}`;
  return `${failed.length === 0 ? 'no repair' : `no repair that could be read: ${failed.join(', ')}`}${was}`;
}

function described(letter: DeadLetter, { attempts }: ReadLetters, afterwards: InputAfterwards) {
  const { code, message, writtenAt, key } = letter;
  const id = idOf(letter);
  return {
    ...{ record: id, code, message, key: key?.toString() ?? null, at: new Date(writtenAt).toISOString() },
    ...{ repairedBy: afterwards.repairOf(id), failedRepairs: attempts.failedRepairsOf(id) },
    repairOf: attempts.targetsOf(id),
  };
}

function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
