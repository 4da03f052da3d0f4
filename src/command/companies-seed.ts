/** `company-sync companies seed`: says of companies that another system has announced them, by records of the input. */
import type { Logger } from 'pino';
import type { Config } from '../config.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { misplacedByDefault } from '../kafka/topics/keyed-by-default.js';
import { RecordSender } from '../kafka/topics/record-sender.js';
import { partitionsOf } from '../kafka/topics/topics.js';
import type { LogRecord, RecordToWrite } from '../lib/record.js';
import { systemClock } from '../lib/system-clock.js';
import type { SyncEventJson } from '../publish/sync-event-json.js';
import { command, requiredTextFlag, textFlag, type CommandContext } from './command.js';
import { commandLogs } from './command-logs.js';
import { companies, maySilence, SILENCING_FLAGS, SilencedCompanies } from './confirm-silencing.js';
import { CompanyIdList } from './company-id-list.js';
import { progressTo } from './progress.js';
import { syncEventJson } from './schemas.js';

const MAX_FAULTS_TOLD = 20;
/** Records held in memory. */
const PORTION = 5_000;

type Print = (line: string) => void;

const flags = {
  file: requiredTextFlag(
    '<ids>',
    'companies seed needs --file <ids>, or --file - for what is piped in',
    'one companyId a line; - for what is piped in',
  ),
  by: textFlag(
    '<name>',
    'the name of the system that told',
    'which system told the customers, kept in the records for people',
  ),
  ...SILENCING_FLAGS,
};

export const companiesSeedCommand = command({
  summary: 'mark companies as announced by another system, so that they are not announced here',
  flags,
  writesInput: true,
  lesson: `For customers whom a predecessor has told. Each company gets a record in the input topic, AnnouncedElsewhere. It
silences the company permanently from there on, also if the company waits, is on hold, or was never seen. For a
company that was announced or deleted before, it does nothing. So you can run it again, also with a longer list.
All instances must be of a release that knows the record: see "Moving from a predecessor" in docs/operations.md.
There is no way back: a company that is marked by mistake is never announced. Look with --dry-run first. For more than 100
companies it asks; without a terminal, as with --file -, pass --yes.

A line is an id as it is, in UTF-8. Empty lines and those that begin with # are passed over. An id that begins with #
or ", or has white space at an end or control characters, is written as a text of JSON: "\\t#7". All lines are read
before the first is sent: if one is not an id, nothing is sent. Millions of ids need no more memory than a few.

  company-sync companies seed --file told.txt --by notifier-v1
  psql -Atc 'select company_id from told' | company-sync companies seed --file - --yes
  company-sync explain acme-42     # announced by another system, as was said at ... by record 3/1042
`,
  exit: [
    'all were sent, or shown',
    'nothing was sent (a line is not an id, or nobody confirmed), or the brokers refused',
  ],
  async run(context, typed) {
    const { config, logger, schemasFolder, print } = context;
    const { file, by } = typed;
    const ids = await CompanyIdList.open(file);
    try {
      const silenced = await idsIn(ids, print);
      if (silenced === null) return 1;
      const again = `company-sync companies seed --file ${file}${by === null ? '' : ` --by ${by}`}`;
      const decision = await maySilence(silenced, typed, again, print);
      if (decision !== 'send') return decision === 'dry-run' ? 0 : 1;
      const json = await syncEventJson(config, schemasFolder);
      await mustBeKeyedByDefault(config, logger, json);
      const payload = { AnnouncedElsewhere: { by } };
      // A list of ids does not name the clients, and nobody asks for them here.
      const recordOf = (companyId: string) => json.recordOf(JSON.stringify({ companyId, clientId: '', payload }));
      await sendAll(context, ids, recordOf, silenced.count);
    } finally {
      await ids.close();
    }
    return 0;
  },
});

/** All lines are read before the first is sent. Null if one is not an id; that is printed then. */
async function idsIn(ids: CompanyIdList, print: Print): Promise<SilencedCompanies | null> {
  const silenced = new SilencedCompanies();
  let faults = 0;
  let first = '';
  let last = '';
  for await (const { number, companyId, fault } of ids.lines()) {
    if (companyId === null) {
      if (++faults <= MAX_FAULTS_TOLD) print(`line ${number} ${fault}`);
      continue;
    }
    silenced.add(companyId);
    if (silenced.count === 1) first = companyId;
    last = companyId;
  }
  if (faults > 0) {
    const more = faults - MAX_FAULTS_TOLD;
    print(`${more > 0 ? `and ${more} more lines; ` : ''}nothing was sent: correct the lines and seed the file again`);
    return null;
  }
  const { count } = silenced;
  if (count > 0) print(`${companies(count)} to mark, from ${JSON.stringify(first)} to ${JSON.stringify(last)}`);
  return silenced;
}

/** @throws Error where the platform's records lie elsewhere: a company's records must be in one partition */
async function mustBeKeyedByDefault(config: Config, logger: Logger, json: SyncEventJson): Promise<void> {
  const topic = config.topics.syncEvents;
  const partitions = await partitionsOf(kafkaConfigOf(config, logger), systemClock, topic);
  const logs = commandLogs('companies seed', config, logger);
  try {
    // Those of an earlier seed lie where this command put them.
    const isPlatforms = ({ value }: LogRecord) => json.payloadOf(value) !== 'AnnouncedElsewhere';
    const found = await misplacedByDefault(logs, topic, partitions, isPlatforms);
    if (found === null) return;
    const { partition, offset, defaultPartition } = found;
    throw new Error(
      `the platform does not use Kafka's default partitioner: record ${partition}/${offset} of ${topic} would be in ` +
        `partition ${defaultPartition}. Nothing was sent, for it would not reach the companies' state: let the ` +
        `platform's own producer write AnnouncedElsewhere records`,
    );
  } finally {
    await logs.close();
  }
}

async function sendAll(
  { config, logger, print }: CommandContext,
  ids: CompanyIdList,
  recordOf: (companyId: string) => RecordToWrite,
  count: number,
): Promise<void> {
  const topic = config.topics.syncEvents;
  const sender = await RecordSender.connect(kafkaConfigOf(config, logger));
  let sent = 0;
  const progress = progressTo(print);
  const send = async (portion: readonly RecordToWrite[]): Promise<void> => {
    const before = sent;
    await sender.send(topic, portion, { onSent: (inPortion) => (sent = before + inPortion) });
    progress(() => `${sent} of ${count} sent`);
  };
  try {
    let portion: RecordToWrite[] = [];
    for await (const { number, companyId } of ids.lines()) {
      if (companyId === null) throw new Error(`line ${number} has changed since it was read first`);
      if (portion.push(recordOf(companyId)) < PORTION) continue;
      await send(portion);
      portion = [];
    }
    await send(portion);
  } catch (error) {
    print(`${sent} of ${count} sent when it failed: seed the file again, a company marked twice is marked once`);
    throw error;
  } finally {
    await sender.close();
  }
  print(`${companies(sent)} marked as announced elsewhere, by records of ${topic}`);
}
