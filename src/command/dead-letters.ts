/** `company-sync dead-letters list | show | repair | release`. */
import { setTimeout as delay } from 'node:timers/promises';
import { DEAD_LETTER_CODES } from '../domain/events.js';
import { systemClock } from '../lib/system-clock.js';
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
import { DeadLetterDesk, DESK_READS } from './dead-letter-desk.js';
import { DeadLetterReader, READER_READS } from './dead-letter-reader.js';
import { bigints, described, lineOf, ORIGINALS } from './dead-letter-text.js';
import { clientOf, partitionIn, repairOne, type Repairs } from './dead-letter-repair.js';
import { repairAll } from './dead-letter-repair-all.js';
import { printJson, type Print } from './print.js';
import { shellQuoted, withoutCommands } from '../lib/shell-command.js';
import { progressTo } from './progress.js';
import type { RecordId } from './repair-attempts.js';
import { RepairSender, SENDER_READS } from './repair-sender.js';
import { INSTANCES_READ, RunningInstances } from './running-instances.js';

/** The most records that the printed result of a release names. */
const MAX_NAMED_HOLDS = 100;

const codeFlag = (meaning: string) => wordFlag('<code>', DEAD_LETTER_CODES, meaning);
const clientFlag = (meaning: string) => textFlag('<id>', 'the client of the company', meaning);

const REPAIR_READS = [...DESK_READS, ...SENDER_READS, ...INSTANCES_READ] as const;

export const listCommand = command({
  summary: 'list the dead letters, and the repairs sent for them',
  flags: {
    code: codeFlag('list only dead letters of this code'),
    since: timeFlag('list only dead letters written at or after this time'),
    open: flagSwitch('list only open dead letters: no repair of them could be read'),
    json: flagSwitch('print each dead letter as one line of JSON'),
  },
  moreHelp: `If a repair cannot be read, it is a dead letter too. Then both are open, and the list says so. One repair replaces both.

  company-sync dead-letters list --open --since 2026-01-31T12:00:00Z
  company-sync dead-letters list --json | jq -r 'select(.repairedBy == null) | .record'
`,
  reads: READER_READS,
  exit: ['listed, even if there are no dead letters', 'the topics could not be read'],
  run({ config, logger, printData, printError }, flags) {
    const reader = new DeadLetterReader(config, logger, printError);
    return thenClose([reader], () => list(reader, printData, flags));
  },
});

export const showCommand = command({
  summary: 'show one dead letter: the reason, its bytes, and the event that it is read as now',
  argument: '<partition>/<offset>',
  flags: { json: flagSwitch('print it as JSON') },
  reads: DESK_READS,
  exit: ['shown', 'there is no such dead letter, or the topics could not be read'],
  run({ config, logger, schemasFolder, printData, printError }, { json }, id) {
    const desk = new DeadLetterDesk(config, logger, schemasFolder, printError);
    return thenClose([desk], () => show(desk, printData, idTyped(id), json));
  },
});

export const repairCommand = command({
  summary: 'send one dead letter again, or all that can be read now: their companies are then no longer on hold',
  argument: '[<partition>/<offset>]',
  flags: {
    file: textFlag(
      '<event.json>',
      'a file with the event as JSON',
      'the corrected event, in the format of events send',
    ),
    code: codeFlag('with --all: repair only dead letters of this code'),
    since: timeFlag('with --all: repair only dead letters written at or after this time'),
    'client-id': clientFlag(
      'not with --all: the client of the company to release; needed if the record had the key of that company and no ' +
        'manifest has named its client',
    ),
    all: flagSwitch('repair every dead letter that can be read now and has no repair yet'),
    force: flagSwitch(
      'also send a record that would undo later records, would release another company, or was too large',
    ),
    unverified: flagSwitch('also send a dead letter that is not a copy of its input record, or whose record is gone'),
    'dry-run': flagSwitch('send nothing; print what would be sent'),
    yes: flagSwitch('not with --all: send without asking, even if the company would never be announced'),
  },
  writesInput: true,
  moreHelp: `A repair is a record of the input topic with a header repairs = <partition>/<offset>. Without --file the command sends the
original record again. Use that if the schema was registered late, or if an older release could not read the record. If
the record had the key of another company, the repair goes to the partition of its own company, and the company of its key
is released. Both happen, or neither.

Without --force the command refuses:
  * a record whose own repairs header names a record of another company, because it would release that company
  * a status, if its dataset has a later status, and one of the two has no revision, unless the input has an equal or
    higher revision of the dataset
  * an unlink, if its connection has a later manifest
  * a manifest, if one of its datasets has a later manifest of another link
  * a manifest, if its connection was unlinked later, unless another part of its link came in between
  * a record that was too large

Every client that can write to the dead-letter topic can write a dead letter with any bytes. So the command compares each
dead letter with the input record that it names: key, value and repairs headers. If they differ, or if the input no longer
has the record, the command refuses the dead letter. Look at it with dead-letters show before you pass --unverified.
If the record would silence its company permanently (CompanyDeleted, AnnouncedElsewhere), the command asks; without a
terminal, pass --yes. With --all it does not repair such dead letters, but lists them: repair each by its id.

  company-sync dead-letters repair 3/1042
  company-sync dead-letters repair 3/1042 --file fixed.json
  company-sync dead-letters repair --all --code unknown-schema
`,
  reads: REPAIR_READS,
  exit: [
    'sent; with --all, even if some dead letters were not repaired; or the dry run is finished',
    'refused or failed',
  ],
  run(context, flags, id) {
    mustFitTogether(id, flags);
    const again = `company-sync dead-letters repair ${id}${flagsAgain(flags)}`;
    if (id !== '') return withTools(context, (tools) => repairOne(tools, idTyped(id), flags, again));
    return withTools(context, (tools) => repairAll(tools, flags));
  },
});

export const releaseCommand = command({
  summary: 'lift all holds of a company, so that it can be announced without its bad records',
  argument: '<companyId>',
  flags: {
    why: requiredTextFlag(
      '<text>',
      'dead-letters release needs --why <text>',
      'the reason; kept in the record that is sent',
    ),
    'client-id': clientFlag('the client of the company; needed if no manifest has named it'),
  },
  writesInput: true,
  moreHelp: `The command asks a running instance for the holds of the company, and sends records that lift all of them. The company
then never gets the bad records: repair them instead if you can.
`,
  reads: [...SENDER_READS, ...INSTANCES_READ],
  exit: ['released', 'nothing holds the company, or no instance could be asked'],
  run({ config, logger, schemasFolder, print }, flags, companyId) {
    const sender = new RepairSender(config, logger, schemasFolder);
    const tools = { sender, instances: new RunningInstances(config, logger), print };
    return thenClose([sender], () => release(tools, companyId, flags.why, flags['client-id']));
  },
});

function withTools(
  context: CommandContext<(typeof REPAIR_READS)[number]>,
  perform: (tools: Repairs) => Promise<number>,
): Promise<number> {
  const { config, logger, schemasFolder, print, printError } = context;
  const desk = new DeadLetterDesk(config, logger, schemasFolder, printError);
  const sender = new RepairSender(config, logger, schemasFolder);
  const instances = new RunningInstances(config, logger);
  return thenClose([desk, sender], () => perform({ desk, sender, instances, print }));
}

async function thenClose(
  closables: readonly { close(): Promise<void> }[],
  perform: () => Promise<number>,
): Promise<number> {
  try {
    return await perform();
  } finally {
    await Promise.all(closables.map((closable) => closable.close()));
  }
}

/**
 * A repair is of one dead letter or of all. Flags of the other kind would have no effect.
 * @throws UsageError
 */
function mustFitTogether(
  id: string,
  flags: { all: boolean; yes: boolean; code: string | null; since: number | null } & OneFlags,
): void {
  if (id === '' && !flags.all) throw new UsageError(['dead-letters repair needs <partition>/<offset>, or --all']);
  if (id !== '' && flags.all) throw new UsageError([`pass only one of ${id} and --all`]);
  const flagsForOne = { '--file': flags.file, '--client-id': flags['client-id'], '--yes': flags.yes ? true : null };
  const flagsForAll = { '--code': flags.code, '--since': flags.since };
  const [wrong, needed] = flags.all ? [flagsForOne, '<partition>/<offset>'] : [flagsForAll, '--all'];
  const typed = Object.entries(wrong).flatMap(([flag, value]) => (value === null ? [] : [flag]));
  const other = flags.all ? '--all' : id;
  if (typed.length > 0)
    throw new UsageError(typed.map((flag) => `${flag} needs ${needed}: pass only one of ${flag} and ${other}`));
}

interface OneFlags {
  readonly file: string | null;
  readonly 'client-id': string | null;
}

/** The flags of a repair of one dead letter, to be typed again. */
function flagsAgain(flags: OneFlags & { readonly force: boolean; readonly unverified: boolean }): string {
  const { file, force, unverified, 'client-id': client } = flags;
  const words = [
    ...(file === null ? [] : [`--file=${shellQuoted(file)}`]),
    ...(client === null ? [] : [`--client-id=${shellQuoted(client)}`]),
    ...(force ? ['--force'] : []),
    ...(unverified ? ['--unverified'] : []),
  ];
  return words.map((word) => ` ${word}`).join('');
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

async function list(
  reader: DeadLetterReader,
  print: Print,
  { code, since, open: onlyOpen, json }: ListFlags,
): Promise<number> {
  const wanted = (deadLetter: DeadLetter) =>
    code === null || deadLetter.code === code ? withoutBytes(deadLetter) : null;
  const read = await reader.readAll(since, wanted);
  const afterwards = await reader.afterwards(read.deadLetters, read.badRecords);
  const open = read.deadLetters.filter((deadLetter) => afterwards.repairOf(idOf(deadLetter)) === null);
  const listed = onlyOpen ? open : read.deadLetters;
  if (json) {
    for (const deadLetter of listed) print(JSON.stringify(described(deadLetter, read, afterwards)));
    return 0;
  }
  const opened = new Set(open);
  for (const deadLetter of listed)
    print(lineOf(deadLetter, read, afterwards), opened.has(deadLetter) ? 'yellow' : undefined);
  print(`${listed.length} dead letters, ${open.length} of them without a repair`);
  return 0;
}

async function show(desk: DeadLetterDesk, print: Print, id: RecordId, json: boolean): Promise<number> {
  const read = await desk.readOne(id);
  const { deadLetter, original } = read;
  const afterwards = await desk.afterwards([deadLetter], read.badRecords);
  const [now] = await desk.readAgain([deadLetter]);
  const event = typeof now === 'string' ? null : now;
  if (json) {
    const value = deadLetter.value?.toString('base64') ?? null;
    printJson({ ...described(deadLetter, read, afterwards), inputRecord: original, value, event }, print, bigints);
    return 0;
  }
  print(lineOf(deadLetter, read, afterwards));
  print(`  dl_message: ${deadLetter.message}`);
  print(
    `  value: ${deadLetter.value === null ? 'null' : `${deadLetter.value.length} bytes, ${deadLetter.value.toString('base64')}`}`,
  );
  for (const { key, value } of deadLetter.headers) print(`  header ${key}: ${value?.toString() ?? 'null'}`);
  print(`  input record: ${ORIGINALS[original]}`);
  print(`  read again now: ${typeof now === 'string' ? now : JSON.stringify(now, bigints)}`);
  return 0;
}

async function release(
  { sender, instances, print }: Pick<Repairs, 'sender' | 'instances' | 'print'>,
  companyId: string,
  why: string,
  clientTyped: string | null,
): Promise<number> {
  const { holds, clientId, asOf, sentence } = await instances.explanation(companyId);
  if (holds.length === 0 || asOf === null) {
    print(withoutCommands(sentence));
    throw new InstanceError(`nothing holds company ${shellQuoted(companyId)}`);
  }
  const ids = holds.map(({ record }) => record);
  const client = clientOf(companyId, clientId ?? clientTyped);
  const recordOf = (lifted: readonly string[]) => sender.releaseOf(companyId, client, lifted, why);
  const partition = partitionIn(asOf, companyId, await sender.inputPartitions());
  const send = (record: RecordToWrite) => sender.send([{ ...record, partition }]);
  const holdsNow = async () => (await instances.explanation(companyId)).holds.map(({ record }) => record);
  const sendAll = (portion: readonly string[]) => sendReleases(portion, recordOf, send, progressTo(print, systemClock));
  const released = await releaseInPortions(ids, holdsNow, sendAll, delay);
  const named = ids.slice(0, MAX_NAMED_HOLDS);
  const more = released - named.length;
  print(
    `released company ${shellQuoted(companyId)} from ${named.join(', ')}${more > 0 ? ` and ${more} more records` : ''}`,
  );
  return 0;
}
