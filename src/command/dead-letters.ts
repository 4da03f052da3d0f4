/** `company-sync dead-letters list | show | repair | release`. */
import type { Logger } from 'pino';
import type { Config, Flags } from '../config.js';
import { REPAIRS_HEADER } from '../decode/sync-event-decoder.js';
import type { InputEvent } from '../domain/events.js';
import type { Header, RecordToWrite } from '../lib/record.js';
import { InstanceError } from '../ops/instance-client.js';
import { idOf } from '../publish/dead-letter-reading.js';
import { DeadLetterDesk, type Letter } from './dead-letter-desk.js';
import { RunningInstances } from './running-instances.js';
import { UsageError } from './usage-error.js';

interface Desk {
  readonly desk: DeadLetterDesk;
  readonly instances: RunningInstances;
  readonly own: Flags;
  readonly print: (line: string) => void;
}

type Verb = 'list' | 'show' | 'repair' | 'release';

/** @returns the exit code */
export async function deadLettersCommand(
  verb: Verb,
  config: Config,
  [word]: readonly string[],
  own: Flags,
  logger: Logger,
  schemasFolder: string,
  print: (line: string) => void,
): Promise<number> {
  const desk = new DeadLetterDesk(config, logger, schemasFolder);
  const at: Desk = { desk, instances: new RunningInstances(config, logger), own, print };
  try {
    switch (verb) {
      case 'list':
        return await list(at);
      case 'show':
        return await show(at, word ?? '');
      case 'repair':
        return await (word === undefined ? repairAll(at) : repairOne(at, word));
      case 'release':
        return await release(at, word ?? '');
    }
  } finally {
    await desk.close();
  }
}

async function list({ desk, own, print }: Desk): Promise<number> {
  const letters = (await desk.letters()).filter((letter) => isWanted(letter, own));
  if (own['json'] === true) {
    for (const letter of letters) print(JSON.stringify(described(letter)));
    return 0;
  }
  for (const letter of letters) print(lineOf(letter));
  const open = letters.filter(({ answeredBy }) => answeredBy === null).length;
  print(`${letters.length} dead letters, ${open} of them without a repair`);
  return 0;
}

async function show({ desk, own, print }: Desk, id: string): Promise<number> {
  const letter = await find(desk, id);
  const now = await desk.readAgain(letter);
  const event = typeof now === 'string' ? null : now;
  if (own['json'] === true) {
    print(JSON.stringify({ ...described(letter), value: letter.value?.toString('base64') ?? null, event }, bigints, 2));
    return 0;
  }
  print(lineOf(letter));
  print(`  ${letter.message}`);
  print(
    `  value: ${letter.value === null ? 'null' : `${letter.value.length} bytes, ${letter.value.toString('base64')}`}`,
  );
  for (const { key, value } of letter.headers) print(`  header ${key}: ${value?.toString() ?? 'null'}`);
  print(`  read again now: ${typeof now === 'string' ? now : JSON.stringify(now, bigints)}`);
  return 0;
}

async function repairOne(at: Desk, id: string): Promise<number> {
  const { desk, own } = at;
  const letter = await find(desk, id);
  const { file } = own;
  if (file === true) throw new UsageError(['--file needs a value: expected a file with the event as JSON']);
  const fixed = file === undefined ? null : await desk.readLine(file);
  const event = fixed?.event ?? (await desk.readAgain(letter));
  if (typeof event === 'string')
    throw new Error(`it would be a dead letter again (${event}): give what it should have been with --file`);
  await send(at, letter, event, fixed?.record ?? asItCame(letter, own['force'] === true));
  return 0;
}

/** What can be read now is sent again; what cannot is told and left. */
async function repairAll(at: Desk): Promise<number> {
  const { desk, own, print } = at;
  if (own['all'] !== true) throw new UsageError(['dead-letters repair needs <partition>/<offset>, or --all']);
  const letters = (await desk.letters()).filter((letter) => letter.answeredBy === null && isWanted(letter, own));
  let sent = 0;
  for (const letter of letters) {
    try {
      const event = await desk.readAgain(letter);
      if (typeof event === 'string') print(`${idOf(letter)}: left, ${event}`);
      else {
        await send(at, letter, event, asItCame(letter, own['force'] === true));
        sent++;
      }
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      print(`${idOf(letter)}: left, ${error.message}`);
    }
  }
  print(`${sent} of ${letters.length} dead letters without a repair were sent again`);
  return 0;
}

/** What a repair must not be without --force. */
class RefusedError extends Error {
  override readonly name = 'RefusedError';
}

function asItCame({ key, value, headers, code }: Letter, force: boolean): RecordToWrite {
  if (code === 'too-many-datasets' && !force)
    throw new RefusedError(
      'its company would have too many datasets again: give a smaller one with --file, or --force',
    );
  return { key, value, headers };
}

async function send(at: Desk, letter: Letter, event: InputEvent, record: RecordToWrite): Promise<void> {
  const { desk, own, print } = at;
  const { payload } = event;
  if (payload.kind === 'status' && payload.revision === null && own['force'] !== true) {
    const later = await desk.laterStatus(event, letter);
    if (later !== null)
      throw new RefusedError(
        `dataset ${payload.datasetId} has a later status (${later}), which this one without a revision would replace: ` +
          `release the company instead, or use --force`,
      );
  }
  const repairs: Header = { key: REPAIRS_HEADER, value: Buffer.from(idOf(letter)) };
  const sameKey = letter.key !== null && letter.key.equals(record.key ?? Buffer.alloc(0));
  const freeing = sameKey ? null : await releaseFrom(at, letter, event.companyId);
  // The state of a company is where its records were read; that of another one is where its key says.
  await desk.send([{ ...record, headers: [...record.headers, repairs] }], sameKey ? letter.partition : undefined);
  print(`${idOf(letter)}: sent, a repair for company ${event.companyId}`);
  if (freeing === null) return;
  await desk.send([freeing], letter.partition);
  print(`${idOf(letter)}: company ${String(freeing.key)}, whose key it had, is released from it`);
}

/**
 * What releases the company whose key the letter has, though it belongs to another; null where it holds nobody. It names
 * the held company's own client: an announcement takes its client from the record that completes the company.
 */
async function releaseFrom(
  { desk, instances, own }: Desk,
  letter: Letter,
  owner: string,
): Promise<RecordToWrite | null> {
  if (letter.key === null || letter.key.length === 0) return null;
  const held = letter.key.toString();
  const { holds, clientId } = await instances.explanation(held);
  if (!holds.some(({ record }) => record === idOf(letter))) return null;
  return desk.releaseOf(held, clientOf(held, clientId, own), [idOf(letter)], `${idOf(letter)} belongs to ${owner}`);
}

async function release({ desk, instances, own, print }: Desk, companyId: string): Promise<number> {
  const { why } = own;
  if (typeof why !== 'string' || why === '') throw new UsageError(['dead-letters release needs --why <text>']);
  const { holds, clientId, asOf, sentence } = await instances.explanation(companyId);
  if (holds.length === 0 || asOf === null) {
    print(sentence);
    throw new InstanceError(`nothing holds company ${companyId}`);
  }
  const ids = holds.map(({ record }) => record);
  await desk.send([await desk.releaseOf(companyId, clientOf(companyId, clientId, own), ids, why)], asOf.partition);
  print(`company ${companyId} is released from ${ids.join(', ')}`);
  return 0;
}

function clientOf(companyId: string, known: string | null, own: Flags): string {
  const client = known ?? own['client-id'];
  if (typeof client === 'string' && client !== '') return client;
  throw new UsageError([`no manifest of ${companyId} was seen that names its client: give it with --client-id`]);
}

async function find(desk: DeadLetterDesk, id: string): Promise<Letter> {
  if (!/^\d+\/\d+$/.test(id)) throw new UsageError([`${JSON.stringify(id)} is no <partition>/<offset>`]);
  const letter = (await desk.letters()).findLast((candidate) => idOf(candidate) === id);
  if (letter === undefined) throw new Error(`there is no dead letter of record ${id}: see dead-letters list`);
  return letter;
}

function isWanted({ code, writtenAt, answeredBy }: Letter, own: Flags): boolean {
  const { since } = own;
  if (own['code'] !== undefined && own['code'] !== code) return false;
  if (own['open'] === true && answeredBy !== null) return false;
  if (since === undefined) return true;
  const from = Date.parse(String(since));
  if (Number.isNaN(from))
    throw new UsageError([`--since is ${JSON.stringify(since)}: expected a time such as 2026-01-31T12:00:00Z`]);
  return writtenAt >= from;
}

function lineOf(letter: Letter): string {
  const { code, writtenAt, key, answeredBy } = letter;
  const company = key === null || key.length === 0 ? 'no key' : key.toString();
  const state = answeredBy === null ? 'no repair' : `repair sent: ${answeredBy}`;
  return `${idOf(letter).padEnd(10)}  ${new Date(writtenAt).toISOString()}  ${code.padEnd(17)}  ${company}  (${state})`;
}

function described(letter: Letter) {
  const { code, message, writtenAt, key, answeredBy } = letter;
  return {
    ...{ record: idOf(letter), code, message, key: key?.toString() ?? null },
    ...{ at: new Date(writtenAt).toISOString(), repairedBy: answeredBy },
  };
}

function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
