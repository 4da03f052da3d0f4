/** `company-sync events send`: sends events, written as lines of JSON, to the input topic. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { RECORD_NAMES } from '../decode/payload.js';
import { SILENCES_COMPANY, type Payload } from '../domain/events.js';
import { type RecordSender, RECORDS_A_REQUEST } from '../kafka/topics/record-sender.js';
import { MalformedLineError, utf8Text, type SyncEventJson, type TypedEvent } from '../publish/sync-event-json.js';
import type { RecordToWrite } from '../lib/record.js';
import { command, requiredTextFlag } from './command.js';
import { maySilence, SILENCING_FLAGS, SilencedCompanies } from './confirm-silencing.js';
import { mustBeReadable } from './input-file.js';
import { INPUT_SENDER_READS, withInputSender } from './input-sender.js';
import { systemClock } from '../lib/system-clock.js';
import { shellQuoted } from '../lib/shell-command.js';
import { progressTo } from './progress.js';
import { syncEventJson, syncEventRecords } from './schemas.js';

const MAX_PRINTED_FAULTS = 20;

export const eventsSendCommand = command({
  summary: 'send events written as lines of JSON to the input topic',
  flags: {
    file: requiredTextFlag(
      '<events.jsonl>',
      'events send needs --file <events.jsonl>, or --file - to read standard input',
      'file with one event per line; - reads standard input',
    ),
    ...SILENCING_FLAGS,
  },
  reads: INPUT_SENDER_READS,
  writesInput: true,
  moreHelp: `Write one event per line, with the fields of SyncEvent; eventId and occurredAt are optional. The payload names its record:

  {"companyId": "acme", "clientId": "client-1", "payload": {"CompanyDeleted": {}}, "headers": {"repairs": "3/1042"}}

CompanyDeleted and AnnouncedElsewhere silence a company permanently: you cannot undo that. First run the command with --dry-run
to see which companies. The command asks before it silences more than 100 companies; without a terminal, pass --yes.
Headers are strings, and optional. The command reads all lines before it sends the first event. If a line is not an event,
it sends nothing. It also sends nothing if the newest records of the topic show that the platform uses another partitioner than
Kafka's default: the events would not reach the state of their companies.
To begin, use examples/events.jsonl of the repository.
`,
  exit: [
    'all events were sent, or the dry run is finished',
    'nothing was sent (a line is not an event, nobody confirmed, or the platform has another partitioner), or the brokers refused a record',
  ],
  async run(context, flags) {
    const { config, schemasFolder, print, printError } = context;
    await mustBeReadable('--file', flags.file);
    const json = await syncEventJson(schemasFolder);
    const { events, faults, faulty } = await readEvents(flags.file, json);
    if (faulty > 0) {
      for (const fault of faults) print(fault);
      const more = faulty - faults.length;
      print(
        `${more > 0 ? `and ${more} more lines; ` : ''}nothing was sent: correct the lines and run the command again`,
      );
      return 1;
    }
    const again = `company-sync events send --file=${shellQuoted(flags.file)}`;
    const decision = await maySilence(silencedBy(events), flags, again, print);
    if (decision !== 'send') return decision === 'dry-run' ? 0 : 1;
    const topic = config.topics.syncEvents;
    const encoded = await syncEventRecords(config, json);
    const records = events.map((event) => encoded.recordOf(event));
    await withInputSender(context, { command: 'events send', records: encoded }, (sender) =>
      sendAll(sender, topic, records, print, printError),
    );
    print(`${records.length} event${records.length === 1 ? '' : 's'} sent to ${topic}`);
    return 0;
  },
});

/** Sends the events. If that fails, prints how many were sent: only a person can decide which to send again. */
export async function sendAll(
  sender: Pick<RecordSender, 'send'>,
  topic: string,
  records: readonly RecordToWrite[],
  print: (line: string) => void,
  printError: (line: string) => void,
): Promise<void> {
  const progress = progressTo(print, systemClock);
  let sent = 0;
  const onSent = (count: number): void => {
    sent = count;
    progress(() => `${count} of ${records.length} sent`);
  };
  try {
    await sender.send(topic, records, { onSent });
  } catch (error) {
    const next = Math.min(RECORDS_A_REQUEST, records.length - sent);
    const maybe = next === 0 ? '' : `, and perhaps some of the next ${next}`;
    printError(
      `${sent} of ${records.length} events were sent before the error, from the first line of the file on${maybe}: remove ` +
        `the lines of these events from the file, and run the command again`,
    );
    throw error;
  }
}

const SILENCING_RECORDS: ReadonlySet<string> = new Set(
  (Object.keys(SILENCES_COMPANY) as Payload['kind'][])
    .filter((kind) => SILENCES_COMPANY[kind])
    .map((kind) => RECORD_NAMES[kind]),
);

/** The companies that one of the events deletes or marks as announced elsewhere. */
function silencedBy(events: readonly TypedEvent[]): SilencedCompanies {
  const silenced = new SilencedCompanies();
  const seen = new Set<string>();
  for (const { key, payload } of events) {
    const companyId = key.toString();
    if (!SILENCING_RECORDS.has(payload) || seen.has(companyId)) continue;
    seen.add(companyId);
    silenced.add(companyId);
  }
  return silenced;
}

interface ReadLines {
  readonly events: readonly TypedEvent[];
  /** The first faults, and the number of all faulty lines. */
  readonly faults: readonly string[];
  readonly faulty: number;
}

/** Reads all lines before the first event is sent. Empty lines and lines that begin with # are skipped. */
async function readEvents(file: string, json: SyncEventJson): Promise<ReadLines> {
  const events: TypedEvent[] = [];
  const faults: string[] = [];
  let faulty = 0;
  let number = 0;
  const input = file === '-' ? process.stdin : createReadStream(file);
  input.setEncoding('latin1'); // One character for each byte, so that bytes that are not UTF-8 are seen.
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    number++;
    try {
      const text = utf8Text(Buffer.from(line, 'latin1')).trim();
      if (text === '' || text.startsWith('#')) continue;
      const event = json.eventOf(text);
      if (faulty === 0) events.push(event); // After a fault, nothing is sent.
    } catch (error) {
      if (!(error instanceof MalformedLineError)) throw error;
      if (++faulty <= MAX_PRINTED_FAULTS) faults.push(`line ${number}: ${error.message}`);
    }
  }
  return { events, faults, faulty };
}
