/** `company-sync companies seed`: says of companies that another system has announced them, by records of the input. */
import type { Logger } from 'pino';
import type { Config, Flags } from '../config.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { misplacedByDefault } from '../kafka/topics/keyed-by-default.js';
import { RecordSender } from '../kafka/topics/record-sender.js';
import { partitionsOf } from '../kafka/topics/topics.js';
import type { LogRecord, RecordToWrite } from '../lib/record.js';
import { systemClock } from '../lib/system-clock.js';
import type { SyncEventJson } from '../publish/sync-event-json.js';
import { commandLogs } from './command-logs.js';
import { companies, maySilence, SilencedCompanies } from './confirm-silencing.js';
import { CompanyIdList } from './company-id-list.js';
import { progressTo } from './progress.js';
import { syncEventJson } from './schemas.js';
import { UsageError } from './usage-error.js';

const MAX_FAULTS_TOLD = 20;
/** Records held in memory. */
const PORTION = 5_000;

type Print = (line: string) => void;

/** @returns 0 once all are written, or shown; 1 if a line is not an id or nobody has confirmed, and then nothing was sent */
export async function seedCompaniesCommand(
  config: Config,
  own: Flags,
  logger: Logger,
  schemasFolder: string,
  print: Print,
): Promise<number> {
  const { file, by } = own;
  if (typeof file !== 'string' || file === '')
    throw new UsageError(['companies seed needs --file <ids>, or --file - for what is piped in']);
  if (by === true || by === '') throw new UsageError(['--by needs a value: expected the name of the system that told']);

  const ids = await CompanyIdList.open(file);
  try {
    const silenced = await idsIn(ids, print);
    if (silenced === null) return 1;
    const again = `company-sync companies seed --file ${file}${by === undefined ? '' : ` --by ${by}`}`;
    const decision = await maySilence(silenced, own, again, print);
    if (decision !== 'send') return decision === 'dry-run' ? 0 : 1;
    const json = await syncEventJson(config, schemasFolder);
    await mustBeKeyedByDefault(config, logger, json);
    const payload = { AnnouncedElsewhere: { by: by ?? null } };
    // A list of ids does not name the clients, and nobody asks for them here.
    const recordOf = (companyId: string) => json.recordOf(JSON.stringify({ companyId, clientId: '', payload }));
    await sendAll(config, logger, ids, recordOf, silenced.count, print);
  } finally {
    await ids.close();
  }
  return 0;
}

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
  config: Config,
  logger: Logger,
  ids: CompanyIdList,
  recordOf: (companyId: string) => RecordToWrite,
  count: number,
  print: Print,
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
