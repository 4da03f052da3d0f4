/** `company-sync events send`: events written as lines of JSON, sent to the input topic. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { RECORD_NAMES } from '../decode/payload.js';
import { SILENCES_COMPANY, type Payload } from '../domain/events.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { RecordSender } from '../kafka/topics/record-sender.js';
import type { RecordToWrite } from '../lib/record.js';
import { MalformedLineError, type SyncEventJson } from '../publish/sync-event-json.js';
import { command, requiredTextFlag } from './command.js';
import { maySilence, SILENCING_FLAGS, SilencedCompanies } from './confirm-silencing.js';
import { progressTo } from './progress.js';
import { syncEventJson } from './schemas.js';

const MAX_FAULTS_TOLD = 20;

export const eventsSendCommand = command({
  summary: 'send events written as lines of JSON to the input topic',
  flags: {
    file: requiredTextFlag(
      '<events.jsonl>',
      'events send needs --file <events.jsonl>, or --file - for what is piped in',
      'what to send; - for what is piped in',
    ),
    ...SILENCING_FLAGS,
  },
  writesInput: true,
  lesson: `One event a line, with the fields of SyncEvent; eventId and occurredAt may be left out. The payload names its record:

  {"companyId": "acme", "clientId": "client-1", "payload": {"CompanyDeleted": {}}, "headers": {"repairs": "3/1042"}}

CompanyDeleted and AnnouncedElsewhere silence a company permanently: there is no way back. --dry-run prints which. For more
than 100 companies it asks; without a terminal, pass --yes.
Headers are texts, and may be left out. All lines are read before the first is sent: if one is not an event, nothing
is sent.
examples/events.jsonl of the repository is a file to begin with.
`,
  exit: [
    'all were sent, or shown',
    'nothing was sent (a line is not an event, or nobody confirmed), or the brokers refused',
  ],
  async run({ config, logger, schemasFolder, print }, flags) {
    const json = await syncEventJson(config, schemasFolder);
    const { records, faults } = await readEvents(flags.file, json);
    if (faults.length > 0) {
      for (const fault of faults.slice(0, MAX_FAULTS_TOLD)) print(fault);
      const more = faults.length - MAX_FAULTS_TOLD;
      print(`${more > 0 ? `and ${more} more lines; ` : ''}nothing was sent: correct the lines and send the file again`);
      return 1;
    }
    const again = `company-sync events send --file ${flags.file}`;
    const decision = await maySilence(silencedBy(records, json), flags, again, print);
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
  },
});

const SILENCING_RECORDS: ReadonlySet<string | null> = new Set(
  (Object.keys(SILENCES_COMPANY) as Payload['kind'][])
    .filter((kind) => SILENCES_COMPANY[kind])
    .map((kind) => RECORD_NAMES[kind]),
);

/** The companies that a record deletes, or says to be announced elsewhere. */
function silencedBy(records: readonly RecordToWrite[], json: SyncEventJson): SilencedCompanies {
  const silenced = new SilencedCompanies();
  const seen = new Set<string>();
  for (const { key, value } of records) {
    const companyId = key?.toString() ?? '';
    if (!SILENCING_RECORDS.has(json.payloadOf(value)) || seen.has(companyId)) continue;
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
