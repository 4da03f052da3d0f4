/** Repairs of dead letters: what may be sent in place of one, to which partition, and which releases go with it. */
import { shellQuoted, withoutCommands } from '../lib/shell-command.js';
import { LIMIT_CODES, MAX_LISTED_HOLDS, MAX_REPAIRS } from '../domain/limits.js';
import { RECORD_NAMES } from '../decode/payload.js';
import { SILENCES_COMPANY, type InputEvent } from '../domain/events.js';
import { InstanceError } from '../ops/instance-client.js';
import { partitionOfKey } from '../kafka/transactions/partitioner.js';
import type { RecordTo } from '../kafka/topics/record-sender.js';
import type { RecordToWrite } from '../lib/record.js';
import { type DeadLetter, idOf } from '../publish/dead-letter.js';
import { maySilence, SilencedCompanies } from './confirm-silencing.js';
import { consentTyped } from './consent.js';
import type { DeadLetterDesk } from './dead-letter-desk.js';
import type { ReadDeadLetters } from './dead-letter-collector.js';
import { firstFailureOf } from './first-failure.js';
import { refusalOfOriginal } from './original-record.js';
import type { Print } from './print.js';
import { lastWord } from './printed-command.js';
import { asRepairOf, type RecordId } from './repair-attempts.js';
import { judgedByTime } from './input-afterwards.js';
import type { RepairSender } from './repair-sender.js';
import type { RunningInstances } from './running-instances.js';
import { UsageError } from './command.js';

/** What the commands about dead letters work with. */
export interface Repairs {
  readonly desk: DeadLetterDesk;
  readonly sender: RepairSender;
  readonly instances: RunningInstances;
  readonly print: Print;
}

/** The repair is refused unless --force is set. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
}

/** A repair that may be sent. */
export interface Repair {
  readonly deadLetter: DeadLetter;
  readonly event: InputEvent;
  readonly record: RecordToWrite;
  /** The records that the repair replaces, including its own dead letter. */
  readonly replaced: ReadonlySet<RecordId>;
  /** The other companies whose keys these records had, each with the records. */
  readonly others: ReadonlyMap<string, readonly RecordId[]>;
}

/** Records that a message names at most. */
const MAX_NAMED_RECORDS = 10;

interface RepairFlags {
  readonly file: string | null;
  readonly 'client-id': string | null;
  readonly force: boolean;
  readonly unverified: boolean;
  readonly 'dry-run': boolean;
  readonly yes: boolean;
}

/**
 * @param again the command as it was typed, without --dry-run
 * @param consent asks a person; returns false without a terminal
 * @returns the exit code
 */
export async function repairOne(
  tools: Repairs,
  id: RecordId,
  flags: RepairFlags,
  again: string,
  consent = consentTyped,
): Promise<number> {
  const { desk, print } = tools;
  const { file, force } = flags;
  const fixed = file === null ? null : await desk.readLine(file);
  const read = await desk.readOne(id);
  const { deadLetter } = read;
  if (!flags.unverified) refuseIf(refusalOfOriginal(read.original, deadLetter));
  const [event] = fixed === null ? await desk.readAgain([deadLetter]) : [fixed.event];
  if (event === undefined || typeof event === 'string')
    throw new Error(
      `the record still cannot be read (${withoutCommands(event ?? '')}): pass the corrected event with --file`,
    );
  const record = fixed?.record ?? originalRecord(deadLetter, force);
  if (judgedByTime(event, force)) {
    const partition = await partitionOfCompany(tools, event.companyId, deadLetter);
    refuseIf(await desk.refusalOf(event, firstFailureOf(deadLetter, read), partition, read.badRecords));
  }
  const repair = repairOf(deadLetter, event, record, read, force);
  if (flags['dry-run']) print(wouldSend(repair));
  const silenced = new SilencedCompanies();
  if (silences(event)) silenced.add(event.companyId);
  const decision = await maySilence(silenced, flags, again, print, { consent, unasked: 0 });
  if (decision !== 'send') return decision === 'dry-run' ? 0 : 1;
  await send(tools, repair, flags['client-id']);
  return 0;
}

/** Whether the event would keep its company from ever being announced. */
export function silences({ payload }: InputEvent): boolean {
  return SILENCES_COMPANY[payload.kind];
}

/**
 * Makes the repair of a dead letter. Any producer may have written a `repairs` header. So, without `force`, a repair
 * releases no company except that of its event. A failed repair with the key of another company stays open. A dead
 * letter whose `repairs` header names a record of another company is refused. If a record has the code `key-mismatch`,
 * it does not belong to the company of its key: the repair releases that company too.
 * @throws RefusedError
 */
export function repairOf(
  deadLetter: DeadLetter,
  event: InputEvent,
  record: RecordToWrite,
  { attempts, companies, mismatched }: ReadDeadLetters,
  force: boolean,
): Repair {
  const id = idOf(deadLetter);
  const named = attempts.recordsNamedBy(id);
  const replaced = new Set<RecordId>();
  const others = new Map<string, RecordId[]>();
  for (const recordId of attempts.recordsThatOneRepairReplaces(id)) {
    const company = companies.get(recordId) ?? event.companyId;
    const isOfAnother = company !== event.companyId && recordId !== id && !mismatched.has(recordId);
    if (isOfAnother && !force) {
      if (named.has(recordId)) refuseIf(releasesAnother(recordId, company, event));
      continue;
    }
    replaced.add(recordId);
    if (company !== event.companyId) others.set(company, [...(others.get(company) ?? []), recordId]);
  }
  if (replaced.size > MAX_REPAIRS) refuseIf(replacesTooMany(replaced.size, event.companyId));
  return { deadLetter, event, record, replaced, others };
}

function replacesTooMany(records: number, companyId: string): string {
  return (
    `the repair would replace ${records} records, and a record can replace at most ${MAX_REPAIRS}: lift the holds of ` +
    `the company instead (company-sync dead-letters release --why 'the reason' ${lastWord(companyId)})`
  );
}

function releasesAnother(record: RecordId, company: string, { companyId }: InputEvent): string {
  return (
    `the record is about company ${shellQuoted(companyId)}, but its repairs header names record ${record}, which holds company ` +
    `${shellQuoted(company)}: look at that record (company-sync dead-letters show ${record}). With --force, the repair also releases ` +
    `company ${shellQuoted(company)} from it`
  );
}

export function originalRecord({ key, value, headers, code }: DeadLetter, force: boolean): RecordToWrite {
  if ((LIMIT_CODES as readonly string[]).includes(code) && !force)
    throw new RefusedError(
      `the record would exceed the same limit again (${code}): pass a smaller event with --file, or pass --force`,
    );
  return { key, value, headers };
}

export function refuseIf(why: string | null): void {
  if (why !== null) throw new RefusedError(why);
}

/**
 * Sends the repair. If a replaced record had the key of another company, sends the release of that company in the same
 * transaction. So a dead letter counts as repaired only when it holds no company any more.
 */
export async function send(tools: Repairs, repair: Repair, client: string | null): Promise<void> {
  const { sender, print } = tools;
  const { deadLetter, event, record, replaced } = repair;
  const releases: Release[] = [];
  for (const held of repair.others.keys()) releases.push(...(await releasesOf(tools, held, repair, client)));
  const partition = await partitionOfCompany(tools, event.companyId, deadLetter);
  await sender.send([{ ...asRepairOf(replaced, record), partition }, ...releases.map(({ record }) => record)]);
  const others = [...replaced].filter((id) => id !== idOf(deadLetter));
  const alsoReplaced = others.length === 0 ? '' : `, which also replaces ${inWords(others)}`;
  print(`${idOf(deadLetter)}: sent a repair for company ${shellQuoted(event.companyId)}${alsoReplaced}`);
  for (const { held, lifted } of releases)
    print(
      `${idOf(deadLetter)}: released company ${shellQuoted(held)}: ${inWords(lifted)} had its key, but belong to another company`,
    );
}

/** The line of a dry run about a repair that may be sent. */
export function wouldSend({ deadLetter, event: { companyId, payload } }: Repair): string {
  return `${idOf(deadLetter)}: would send a repair for company ${shellQuoted(companyId)} (${RECORD_NAMES[payload.kind]})`;
}

interface Release {
  readonly held: string;
  readonly lifted: readonly RecordId[];
  readonly record: RecordTo;
}

/** The ids for a message; of very many, the first. */
export function inWords(ids: readonly RecordId[]): string {
  const more = ids.length - MAX_NAMED_RECORDS;
  return `${ids.slice(0, MAX_NAMED_RECORDS).join(', ')}${more > 0 ? ` and ${more} more records` : ''}`;
}

/**
 * Finds the partition that has the company's state. If the dead letter has the company's key and is in the partition
 * that the default partitioner gives, that partition is the answer. Otherwise (another key, another partitioner, or a
 * repartition) asks the instances. If no instance knows the company, returns the partition that the default partitioner
 * gives.
 */
async function partitionOfCompany(
  { sender, instances }: Repairs,
  companyId: string,
  deadLetter: DeadLetter,
): Promise<number> {
  const count = await sender.inputPartitions();
  const byKey = partitionOfKey(Buffer.from(companyId), count);
  if (byKey === deadLetter.partition && deadLetter.key?.toString() === companyId) return byKey;
  const { asOf } = await instances.explanation(companyId);
  return asOf === null ? byKey : partitionIn(asOf, companyId, count);
}

/**
 * The partition in the answer of an instance.
 * @throws InstanceError if the input does not have it
 */
export function partitionIn(asOf: { readonly partition: number }, companyId: string, count: number): number {
  const { partition } = asOf;
  if (Number.isInteger(partition) && partition >= 0 && partition < count) return partition;
  throw new InstanceError(
    `an instance answered that company ${shellQuoted(companyId)} is in partition ${partition}, but the input has ${count} partitions: ` +
      `run the command again, and check which instances are in the group`,
  );
}

/**
 * The records that release a company from records that had its key but belong to another company. Empty if these
 * records do not hold it. Each names the client of the held company, because an announcement takes its client from the
 * record that completes the company.
 */
async function releasesOf(
  { sender, instances }: Repairs,
  held: string,
  { deadLetter, event, others }: Repair,
  client: string | null,
): Promise<Release[]> {
  const { holds, clientId, asOf } = await instances.explanation(held);
  const listed = new Set(holds.map(({ record }) => record));
  // The list of very many holds is incomplete. Lifting a hold that does not exist does nothing.
  const lifted = (others.get(held) ?? []).filter((id) => listed.size >= MAX_LISTED_HOLDS || listed.has(id));
  if (lifted.length === 0 || asOf === null) return [];
  const why = `${idOf(deadLetter)} belongs to ${shellQuoted(event.companyId)}`;
  const partition = partitionIn(asOf, held, await sender.inputPartitions());
  const record = await sender.releaseOf(held, clientOf(held, clientId ?? client), lifted, why);
  return [{ held, lifted, record: { ...record, partition } }];
}

/** The client of the company. @throws UsageError if it is unknown */
export function clientOf(companyId: string, client: string | null): string {
  if (client !== null) return client;
  throw new UsageError([
    `the client of ${shellQuoted(companyId)} is unknown, because no manifest has named it: pass it with --client-id`,
  ]);
}
