/** `company-sync dead-letters list | show | repair | release`. */
import { setTimeout as delay } from 'node:timers/promises';
import { POISON_CODES } from '../domain/events.js';
import type { RecordToWrite } from '../lib/record.js';
import { InstanceError } from '../ops/instance-client.js';
import { type DeadLetter, idOf, withoutBytes } from '../publish/dead-letter.js';
import {
  command,
  flagSwitch,
  requiredTextFlag,
  textFlag,
  timeFlag,
  UsageError,
  wordFlag,
  type CommandContext,
} from './command.js';
import { releaseInPortions, sendReleases } from './dead-letter-release.js';
import { DeadLetterDesk, type ReadLetters } from './dead-letter-desk.js';
import { clientOf, repairOne, type Repairs } from './dead-letter-repair.js';
import { repairAll } from './dead-letter-repair-all.js';
import type { InputAfterwards } from './input-afterwards.js';
import { printJson } from './print.js';
import { progressTo } from './progress.js';
import type { RecordId } from './repair-attempts.js';
import { RunningInstances } from './running-instances.js';

/** Records that the outcome of a release names. */
const MAX_NAMED_HOLDS = 100;

const codeFlag = (meaning: string) => wordFlag('<code>', POISON_CODES, meaning);
const clientFlag = (meaning: string) => textFlag('<id>', 'the client of the company', meaning);

export const listCommand = command({
  summary: 'list the records that could not be read, and the repairs sent for them',
  flags: {
    code: codeFlag('only those of this code'),
    since: timeFlag('only those written since then'),
    open: flagSwitch('only those for which no repair was sent, or none that could be read'),
    json: flagSwitch('print each as one line of JSON'),
  },
  lesson: `A repair that could not be read is a dead letter too. Both are open then, and say so; one repair replaces both.

  company-sync dead-letters list --open --since 2026-01-31T12:00:00Z
  company-sync dead-letters list --json | jq -r 'select(.repairedBy == null) | .record'
`,
  exit: ['listed, also where there are none', 'the topics could not be read'],
  run: (context, flags) => withWork(context, (work) => list(work, flags)),
});

export const showCommand = command({
  summary: 'show one dead letter: why it is there, its bytes, and what it reads as now',
  argument: '<partition>/<offset>',
  flags: { json: flagSwitch('print it as JSON') },
  exit: ['shown', 'there is no such dead letter, or it could not be read'],
  run: (context, { json }, id) => withWork(context, (work) => show(work, idTyped(id), json)),
});

export const repairCommand = command({
  summary: 'send one dead letter again, or all that can be read now, so that their companies are no longer on hold',
  argument: '[<partition>/<offset>]',
  flags: {
    file: textFlag(
      '<event.json>',
      'a file with the event as JSON',
      'what the record should have been, as events send takes it',
    ),
    code: codeFlag('with --all: only those of this code'),
    since: timeFlag('with --all: only those written since then'),
    'client-id': clientFlag(
      'not with --all: of the company to release, if the record had the key of another and no manifest has named it',
    ),
    all: flagSwitch('every one without a repair that can be read now'),
    force: flagSwitch('also a record that would undo what came after it, release another company, or was too large'),
  },
  writesInput: true,
  lesson: `A repair is a record of the input topic with a header repairs = <partition>/<offset>. Without --file it is the record
as it came, for a schema that was registered late or a release that could not read it. A record that had the key of another
company is repaired where its company is, and the company of its key is released, both or neither. These are refused without
--force: a record whose own repairs header names a record of another company, because it would release that company; and what
would undo what came since, which is a status without a revision whose dataset has a later one, an unlink whose connection
has a later manifest, and a manifest one of whose datasets has a later manifest of another link.

  company-sync dead-letters repair 3/1042
  company-sync dead-letters repair 3/1042 --file fixed.json
  company-sync dead-letters repair --all --code unknown-schema
`,
  exit: ['sent; with --all also where some were left', 'refused or failed'],
  run(context, flags, id) {
    if (id !== '') return withWork(context, (work) => repairOne(work, idTyped(id), flags));
    if (!flags.all) throw new UsageError(['dead-letters repair needs <partition>/<offset>, or --all']);
    if (flags['client-id'] !== null)
      throw new UsageError(['--client-id is that of one company: give it with <partition>/<offset>, not with --all']);
    return withWork(context, (work) => repairAll(work, flags));
  },
});

export const releaseCommand = command({
  summary: 'give up what holds a company, so that it can be announced without those records',
  argument: '<companyId>',
  flags: {
    why: requiredTextFlag(
      '<text>',
      'dead-letters release needs --why <text>',
      'the reason, kept in the record that is sent',
    ),
    'client-id': clientFlag('if no manifest has named it'),
  },
  writesInput: true,
  lesson: `It asks a running instance what holds the company and sends records that lift all of it. The records themselves are
lost to the company: repair them if you can.
`,
  exit: ['released', 'nothing holds the company, or no instance could be asked'],
  run: (context, flags, companyId) =>
    withWork(context, (work) => release(work, companyId, flags.why, flags['client-id'])),
});

async function withWork(context: CommandContext, perform: (work: Repairs) => Promise<number>): Promise<number> {
  const { config, logger, schemasFolder, print } = context;
  const desk = new DeadLetterDesk(config, logger, schemasFolder);
  try {
    return await perform({ desk, instances: new RunningInstances(config, logger), print });
  } finally {
    await desk.close();
  }
}

/** @throws UsageError */
function idTyped(word: string): RecordId {
  const [, partition, offset] = /^(\d+)\/(\d+)$/.exec(word) ?? [];
  if (partition !== undefined && offset !== undefined) return `${Number(partition)}/${Number(offset)}`;
  throw new UsageError([`${JSON.stringify(word)} is not a <partition>/<offset>, such as 3/1042`]);
}

interface ListFlags {
  readonly code: string | null;
  readonly since: number | null;
  readonly open: boolean;
  readonly json: boolean;
}

async function list({ desk, print }: Repairs, { code, since, open: onlyOpen, json }: ListFlags): Promise<number> {
  const wanted = (letter: DeadLetter) => (code === null || letter.code === code ? withoutBytes(letter) : null);
  const read = await desk.letters(since, wanted);
  const afterwards = await desk.afterwards(read.letters, read.companies, new Set());
  const open = read.letters.filter((letter) => afterwards.repairOf(idOf(letter)) === null);
  const listed = onlyOpen ? open : read.letters;
  if (json) {
    for (const letter of listed) print(JSON.stringify(described(letter, read, afterwards)));
    return 0;
  }
  const opened = new Set(open);
  for (const letter of listed) print(lineOf(letter, read, afterwards), opened.has(letter) ? 'yellow' : undefined);
  print(`${listed.length} dead letters, ${open.length} of them without a repair`);
  return 0;
}

async function show({ desk, print }: Repairs, id: RecordId, json: boolean): Promise<number> {
  const read = await desk.letter(id);
  const { letter } = read;
  const afterwards = await desk.afterwards([letter], read.companies, new Set());
  const [now] = await desk.readAgain([letter]);
  const event = typeof now === 'string' ? null : now;
  if (json) {
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

async function release(
  { desk, instances, print }: Repairs,
  companyId: string,
  why: string,
  clientTyped: string | null,
): Promise<number> {
  const { holds, clientId, asOf, sentence } = await instances.explanation(companyId);
  if (holds.length === 0 || asOf === null) {
    print(sentence);
    throw new InstanceError(`nothing holds company ${companyId}`);
  }
  const ids = holds.map(({ record }) => record);
  const client = clientOf(companyId, clientId ?? clientTyped);
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

const LONGEST_CODE = Math.max(...POISON_CODES.map(({ length }) => length));

function lineOf(letter: DeadLetter, read: ReadLetters, afterwards: InputAfterwards): string {
  const { code, writtenAt, key } = letter;
  const company = key === null || key.length === 0 ? 'no key' : key.toString();
  const state = stateOf(idOf(letter), read, afterwards);
  return `${idOf(letter).padEnd(10)}  ${new Date(writtenAt).toISOString()}  ${code.padEnd(LONGEST_CODE)}  ${company}  (${state})`;
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
    record: id,
    code,
    message,
    key: key?.toString() ?? null,
    at: new Date(writtenAt).toISOString(),
    repairedBy: afterwards.repairOf(id),
    failedRepairs: attempts.failedRepairsOf(id),
    repairOf: attempts.targetsOf(id),
  };
}

function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
