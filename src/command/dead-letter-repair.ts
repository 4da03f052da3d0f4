/** Repairs of dead letters: what may be sent in place of one, where it goes, and what goes with it. */
import { LIMIT_CODES, MAX_LISTED_HOLDS } from '../domain/limits.js';
import type { InputEvent } from '../domain/events.js';
import { partitionOfKey } from '../kafka/transactions/partitioner.js';
import type { RecordTo } from '../kafka/topics/record-sender.js';
import type { RecordToWrite } from '../lib/record.js';
import { type DeadLetter, idOf } from '../publish/dead-letter.js';
import type { DeadLetterDesk, ReadLetters } from './dead-letter-desk.js';
import type { Print } from './print.js';
import { asRepairOf, type RecordId } from './repair-attempts.js';
import { judgedByTime } from './input-afterwards.js';
import type { RunningInstances } from './running-instances.js';
import { UsageError } from './command.js';

/** What the commands of dead letters work with. */
export interface Repairs {
  readonly desk: DeadLetterDesk;
  readonly instances: RunningInstances;
  readonly print: Print;
}

/** What a repair must not be without --force. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
}

/** A repair that may be sent. */
export interface Repair {
  readonly letter: DeadLetter;
  readonly event: InputEvent;
  readonly record: RecordToWrite;
  /** What it replaces: its letter among others. */
  readonly replaced: ReadonlySet<RecordId>;
  /** The companies whose keys these had, without the event's own, each with the records. */
  readonly others: ReadonlyMap<string, readonly RecordId[]>;
}

/** Records that a message names. */
const MAX_NAMED_RECORDS = 10;

interface RepairFlags {
  readonly file: string | null;
  readonly 'client-id': string | null;
  readonly force: boolean;
}

/** @returns the exit code */
export async function repairOne(
  at: Repairs,
  id: RecordId,
  { file, force, 'client-id': client }: RepairFlags,
): Promise<number> {
  const { desk } = at;
  const fixed = file === null ? null : await desk.readLine(file);
  const read = await desk.letter(id);
  const { letter } = read;
  const [now] = fixed === null ? await desk.readAgain([letter]) : [fixed.event];
  if (now === undefined || typeof now === 'string')
    throw new Error(`the record still cannot be read (${now}): pass the corrected event with --file`);
  const record = fixed?.record ?? asItCame(letter, force);
  if (judgedByTime(now, force)) {
    const home = await homeOf(at, now.companyId, letter);
    refuse(await desk.refusalOf(now, asFirstCame(letter, read), home, read.companies));
  }
  await send(at, repairOf(letter, now, record, read, force), client);
  return 0;
}

/**
 * A `repairs` header is the word of the record's sender. So it never releases another company than the event is about,
 * unless forced: such a record that says to repair the letter stays open, and a letter that says to repair such a record is
 * refused. A record whose key did not fit its value is not about the company of its key: that one is released.
 * @throws RefusedError
 */
export function repairOf(
  letter: DeadLetter,
  event: InputEvent,
  record: RecordToWrite,
  { attempts, companies, mismatched }: ReadLetters,
  force: boolean,
): Repair {
  const id = idOf(letter);
  const named = attempts.namedBy(id);
  const replaced = new Set<RecordId>();
  const others = new Map<string, RecordId[]>();
  for (const one of attempts.replacedWith(id)) {
    const company = companies.get(one) ?? event.companyId;
    const isOfAnother = company !== event.companyId && one !== id && !mismatched.has(one);
    if (isOfAnother && !force) {
      if (named.has(one)) refuse(releasesAnother(one, company, event));
      continue;
    }
    replaced.add(one);
    if (company !== event.companyId) others.set(company, [...(others.get(company) ?? []), one]);
  }
  return { letter, event, record, replaced, others };
}

function releasesAnother(record: RecordId, company: string, { companyId }: InputEvent): string {
  return (
    `it is about company ${companyId}, and its repairs header names record ${record}, which holds company ${company}: look ` +
    `at that record (company-sync dead-letters show ${record}). With --force this releases company ${company} from it`
  );
}

/** What could not be read as a repair either comes in place of what came first: it is judged by what followed that. */
export function asFirstCame(letter: DeadLetter, { attempts }: ReadLetters): DeadLetter {
  const places = [...attempts.replacedWith(idOf(letter))].map((id) => id.split('/').map(Number));
  const offsets = places.flatMap(([partition, offset = NaN]) => (partition === letter.partition ? [offset] : []));
  return { ...letter, offset: Math.min(...offsets) };
}

export function asItCame({ key, value, headers, code }: DeadLetter, force: boolean): RecordToWrite {
  if ((LIMIT_CODES as readonly string[]).includes(code) && !force)
    throw new RefusedError(
      `it would be beyond the same limit again (${code}): give a smaller one with --file, or --force`,
    );
  return { key, value, headers };
}

export function refuse(why: string | null): void {
  if (why !== null) throw new RefusedError(why);
}

/**
 * The repair and, where what it replaces had the key of another company, the release of that one: both or neither, so that
 * a letter counts as repaired only when nobody is held by it any more.
 */
export async function send(at: Repairs, repair: Repair, client: string | null): Promise<void> {
  const { desk, print } = at;
  const { letter, event, record, replaced } = repair;
  const releases: Release[] = [];
  for (const held of repair.others.keys()) releases.push(...(await releasesOf(at, held, repair, client)));
  const partition = await homeOf(at, event.companyId, letter);
  await desk.send([{ ...asRepairOf(replaced, record), partition }, ...releases.map(({ record }) => record)]);
  const others = [...replaced].filter((id) => id !== idOf(letter));
  const inPlaceOf = others.length === 0 ? '' : `, and in place of ${inWords(others)}`;
  print(`${idOf(letter)}: sent, a repair for company ${event.companyId}${inPlaceOf}`);
  for (const { held, lifted } of releases)
    print(`${idOf(letter)}: company ${held} is released from ${inWords(lifted)}, which had its key`);
}

interface Release {
  readonly held: string;
  readonly lifted: readonly RecordId[];
  readonly record: RecordTo;
}

function inWords(ids: readonly RecordId[]): string {
  const more = ids.length - MAX_NAMED_RECORDS;
  return `${ids.slice(0, MAX_NAMED_RECORDS).join(', ')}${more > 0 ? ` and ${more} more records` : ''}`;
}

/**
 * The partition that has the company. The default partitioner's, where a letter with its key lies there; else, as with
 * another key or partitioner, or after a repartition, the instances know. A company that nobody has seen goes where its
 * key says.
 */
async function homeOf({ desk, instances }: Repairs, companyId: string, letter: DeadLetter): Promise<number> {
  const byKey = partitionOfKey(Buffer.from(companyId), await desk.inputPartitions());
  if (byKey === letter.partition && letter.key?.toString() === companyId) return byKey;
  return (await instances.explanation(companyId)).asOf?.partition ?? byKey;
}

/**
 * What releases a company from records that had its key, though they belong to another; nothing where they do not hold
 * it. It names the held company's own client: an announcement takes its client from the record that completes the company.
 */
async function releasesOf(
  { desk, instances }: Repairs,
  held: string,
  { letter, event, others }: Repair,
  client: string | null,
): Promise<Release[]> {
  const { holds, clientId, asOf } = await instances.explanation(held);
  const listed = new Set(holds.map(({ record }) => record));
  // Of very many holds not all are listed; to lift what does not hold the company does nothing.
  const lifted = (others.get(held) ?? []).filter((id) => listed.size >= MAX_LISTED_HOLDS || listed.has(id));
  if (lifted.length === 0 || asOf === null) return [];
  const why = `${idOf(letter)} belongs to ${event.companyId}`;
  const record = await desk.releaseOf(held, clientOf(held, clientId ?? client), lifted, why);
  return [{ held, lifted, record: { ...record, partition: asOf.partition } }];
}

/** @throws UsageError where nobody knows it */
export function clientOf(companyId: string, client: string | null): string {
  if (client !== null) return client;
  throw new UsageError([`no manifest of ${companyId} was seen that names its client: give it with --client-id`]);
}
