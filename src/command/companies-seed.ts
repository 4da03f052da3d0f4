/** `company-sync companies seed`: writes input records that mark companies as announced by another system. */
import type { RecordSender } from '../kafka/topics/record-sender.js';
import type { RecordToWrite } from '../lib/record.js';
import { systemClock } from '../lib/system-clock.js';
import { command, requiredTextFlag, textFlag, type CommandContext } from './command.js';
import { companies, maySilence, SILENCING_FLAGS, SilencedCompanies } from './confirm-silencing.js';
import { CompanyIdList } from './company-id-list.js';
import { mustBeReadable } from './input-file.js';
import { INPUT_SENDER_READS, withInputSender } from './input-sender.js';
import { foreignJson } from '../lib/foreign-text.js';
import { shellQuoted } from '../lib/shell-command.js';
import { progressTo } from './progress.js';
import { syncEventJson, syncEventRecords } from './schemas.js';

const MAX_PRINTED_FAULTS = 20;
/** The number of records that are kept in memory. */
const PORTION = 5_000;

type Print = (line: string) => void;

const flags = {
  file: requiredTextFlag(
    '<ids>',
    'companies seed needs --file <ids>, or --file - to read standard input',
    'file with one companyId per line; - reads standard input',
  ),
  by: textFlag(
    '<name>',
    'the name of the system that announced the companies',
    'name of the system that announced the companies; kept in the records for people who read them',
  ),
  ...SILENCING_FLAGS,
};

type Part = (typeof INPUT_SENDER_READS)[number];

export const companiesSeedCommand = command({
  summary: 'mark companies as announced by another system, so that company-sync does not announce them',
  flags,
  reads: INPUT_SENDER_READS,
  writesInput: true,
  moreHelp: `Use this command if another system has announced companies before. For each company it writes an AnnouncedElsewhere
record to the input topic. The record silences the company permanently, even if the company waits, is on hold, or was
never seen. If the company was announced or deleted before, the record does nothing. So you can run the command again,
also with a longer list. All instances must be of a release that knows the record: see "Moving from a predecessor" in
docs/operations.md.
You cannot undo this: a company that is marked by mistake is never announced. First run the command with --dry-run. The
command asks before it silences more than 100 companies. Without a terminal, and with --file -, pass --yes.

Write one id per line, in UTF-8. Empty lines and lines that begin with # are skipped. If an id begins with # or ", has
white space at an end, or has control characters, write it as a JSON string: "\\t#7". The command reads all lines before it
sends the first record. If a line is not an id, it sends nothing. Millions of ids need no more memory than a few.

  company-sync companies seed --file notified.txt --by notifier-v1
  psql -Atc 'select company_id from notified' | company-sync companies seed --file - --yes
  company-sync explain acme-42     # shows: announced by another system, and the record that says so
`,
  exit: [
    'all records were sent, or the dry run is finished',
    'nothing was sent (a line is not an id, nobody confirmed, or the platform has another partitioner), or the brokers refused a record',
  ],
  async run(context, typed) {
    const { config, schemasFolder, print } = context;
    const { file, by } = typed;
    await mustBeReadable('--file', file);
    const ids = await CompanyIdList.open(file);
    try {
      const silenced = await idsIn(ids, print);
      if (silenced === null) return 1;
      const typedBy = by === null ? '' : ` --by=${shellQuoted(by)}`;
      const again = `company-sync companies seed --file=${shellQuoted(file)}${typedBy}`;
      const decision = await maySilence(silenced, typed, again, print);
      if (decision !== 'send') return decision === 'dry-run' ? 0 : 1;
      const json = await syncEventJson(schemasFolder);
      const records = await syncEventRecords(config, json);
      const payload = { AnnouncedElsewhere: { by } };
      // A list of ids does not name the clients, and the record does not need them.
      const recordOf = (companyId: string) =>
        records.recordOf(json.eventOf(JSON.stringify({ companyId, clientId: '', payload })));
      const { count } = silenced;
      await withInputSender(context, { command: 'companies seed', records }, (sender) =>
        sendAll(context, sender, ids, recordOf, count),
      );
    } finally {
      await ids.close();
    }
    return 0;
  },
});

/** Reads all ids before the first record is sent. If a line is not an id, prints the faults and returns null. */
async function idsIn(ids: CompanyIdList, print: Print): Promise<SilencedCompanies | null> {
  const silenced = new SilencedCompanies();
  let faults = 0;
  let first = '';
  let last = '';
  for await (const { number, companyId, fault } of ids.lines()) {
    if (companyId === null) {
      if (++faults <= MAX_PRINTED_FAULTS) print(`line ${number} ${fault}`);
      continue;
    }
    silenced.add(companyId);
    if (silenced.count === 1) first = companyId;
    last = companyId;
  }
  if (faults > 0) {
    const more = faults - MAX_PRINTED_FAULTS;
    print(`${more > 0 ? `and ${more} more lines; ` : ''}nothing was sent: correct the lines and run the command again`);
    return null;
  }
  const { count } = silenced;
  if (count > 0) print(`${companies(count)} to mark, from ${foreignJson(first)} to ${foreignJson(last)}`);
  return silenced;
}

async function sendAll(
  { config, print, printError }: CommandContext<Part>,
  sender: RecordSender,
  ids: CompanyIdList,
  recordOf: (companyId: string) => RecordToWrite,
  count: number,
): Promise<void> {
  const topic = config.topics.syncEvents;
  let sent = 0;
  const progress = progressTo(print, systemClock);
  const send = async (portion: readonly RecordToWrite[]): Promise<void> => {
    const before = sent;
    await sender.send(topic, portion, { onSent: (inPortion) => (sent = before + inPortion) });
    progress(() => `${sent} of ${count} sent`);
  };
  try {
    let portion: RecordToWrite[] = [];
    for await (const { number, companyId } of ids.lines()) {
      if (companyId === null) throw new Error(`line ${number} of the file has changed since it was checked`);
      if (portion.push(recordOf(companyId)) < PORTION) continue;
      await send(portion);
      portion = [];
    }
    await send(portion);
  } catch (error) {
    printError(
      `${sent} of ${count} records were sent before the error: run the command again; marking a company twice does no harm`,
    );
    throw error;
  }
  print(`${companies(sent)} marked as announced elsewhere, by records of ${topic}`);
}
