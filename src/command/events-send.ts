/** `company-sync events send`: events written as lines of JSON, sent to the input topic. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Logger } from 'pino';
import type { Config, Flags } from '../config.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { RecordSender } from '../kafka/topics/record-sender.js';
import type { RecordToWrite } from '../lib/record.js';
import { MalformedLineError, type SyncEventJson } from '../publish/sync-event-json.js';
import { maySilence, SilencedCompanies } from './confirm-silencing.js';
import { progressTo } from './progress.js';
import { syncEventJson } from './schemas.js';
import { UsageError } from './usage-error.js';

const MAX_FAULTS_TOLD = 20;

/** @returns 0 once all are written, or shown; 1 if a line is not an event or nobody has confirmed, and then nothing was sent */
export async function sendEventsCommand(
  config: Config,
  own: Flags,
  logger: Logger,
  schemasFolder: string,
  print: (line: string) => void,
): Promise<number> {
  const { file } = own;
  if (typeof file !== 'string')
    throw new UsageError(['events send needs --file <events.jsonl>, or --file - for what is piped in']);
  const json = await syncEventJson(config, schemasFolder);
  const { records, faults } = await readEvents(file, json);
  if (faults.length > 0) {
    for (const fault of faults.slice(0, MAX_FAULTS_TOLD)) print(fault);
    const more = faults.length - MAX_FAULTS_TOLD;
    print(`${more > 0 ? `and ${more} more lines; ` : ''}nothing was sent: correct the lines and send the file again`);
    return 1;
  }
  const decision = await maySilence(silencedBy(records, json), own, `company-sync events send --file ${file}`, print);
  if (decision !== 'send') return decision === 'dry-run' ? 0 : 1;
  const topic = config.topics.syncEvents;
  const sender = await RecordSender.connect(kafkaConfigOf(config, logger));
  try {
    const progress = progressTo(print);
    const onSent = (count: number) => progress(() => `${count} of ${records.length} sent`);
    await sender.send(topic, records, { onSent });
  } finally {
    await sender.close();
  }
  print(`${records.length} event${records.length === 1 ? '' : 's'} sent to ${topic}`);
  return 0;
}

/** The companies that a record deletes, or says to be announced elsewhere. */
function silencedBy(records: readonly RecordToWrite[], json: SyncEventJson): SilencedCompanies {
  const silenced = new SilencedCompanies();
  const seen = new Set<string>();
  for (const { key, value } of records) {
    const payload = json.payloadOf(value);
    const companyId = key?.toString() ?? '';
    if ((payload !== 'CompanyDeleted' && payload !== 'AnnouncedElsewhere') || seen.has(companyId)) continue;
    seen.add(companyId);
    silenced.add(companyId);
  }
  return silenced;
}

/** All lines are read before the first is sent. Empty ones, and those that begin with a #, are passed over. */
async function readEvents(file: string, json: SyncEventJson): Promise<{ records: RecordToWrite[]; faults: string[] }> {
  const records: RecordToWrite[] = [];
  const faults: string[] = [];
  let number = 0;
  const input = file === '-' ? process.stdin : createReadStream(file);
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    number++;
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    try {
      records.push(json.recordOf(text));
    } catch (error) {
      if (!(error instanceof MalformedLineError)) throw error;
      faults.push(`line ${number}: ${error.message}`);
    }
  }
  return { records, faults };
}
