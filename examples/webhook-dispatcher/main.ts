/**
 * An example of a service that reads `company-synchronized`: a dispatcher of webhooks. See README.md in this folder.
 */
import { parseArgs } from 'node:util';
import { Dispatcher, type Options } from './dispatcher.js';
import { printable } from './printable.js';
import { keyOf, PAYLOADS, type PayloadName } from './webhook.js';

const HELP = `WEBHOOK_SECRET=whsec_... npx tsx examples/webhook-dispatcher/main.ts --url <url> [--payload <shape>] [--failures]

Posts each announcement of a company, and each failed first sync if wanted, to a receiver, signed as Standard Webhooks says, at least once and with the same
webhook-id each time.

  --url <url>                   URL to post webhooks to, http or https
  --payload <shape>             ${Object.keys(PAYLOADS).join(' or ')} (default: current)
  --failures                    also post failed first syncs, with the type company.sync.failed.v1
  --help                        print this help

  WEBHOOK_SECRET                whsec_ and 24 to 64 bytes in Base64: echo "whsec_$(openssl rand -base64 32)"
                                To replace a secret, set several, separated by spaces.
  KAFKA_BROKERS                 comma-separated (default: localhost:9092)
  SCHEMA_REGISTRY_URL           (default: http://localhost:8081)
  TOPIC_COMPANY_SYNCHRONIZED    (default: company-synchronized)
  TOPIC_COMPANY_SYNC_FAILED     for --failures (default: company-sync-failed)
  GROUP_ID                      the consumer group, one for each receiver (default: webhook-dispatcher)

Exit codes: 0 stopped by a signal; 1 it could not continue, or the receiver answered 410 Gone; 2 a flag or a variable is
wrong.
`;

process.exitCode = await main(process.argv.slice(2), process.env);

async function main(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const options = optionsOf(argv, env);
  if (options === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  if (typeof options === 'string') {
    console.error(printable(`webhook-dispatcher: ${options}`));
    return 2;
  }
  const dispatcher = new Dispatcher(options, (line) => console.log(printable(`${new Date().toISOString()} ${line}`)));
  process.once('SIGTERM', () => dispatcher.stop()).once('SIGINT', () => dispatcher.stop());
  try {
    await dispatcher.run();
    return 0;
  } catch (error) {
    console.error(printable(`webhook-dispatcher: ${(error as Error).message}`));
    return 1;
  }
}

function isPlainHttp(url: string): boolean {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) return false;
  const { username, password } = new URL(url);
  return username === '' && password === '';
}

/** Returns the options. If a flag or a variable is wrong, returns the error as text. */
function optionsOf(argv: readonly string[], env: NodeJS.ProcessEnv): Options | string {
  let flags;
  try {
    const options = {
      url: { type: 'string' },
      payload: { type: 'string' },
      failures: { type: 'boolean' },
      help: { type: 'boolean' },
    } as const;
    flags = parseArgs({ args: [...argv], options }).values;
  } catch (error) {
    return (error as Error).message;
  }
  if (flags.help === true) return 'help';
  const { url = '', payload = 'current' } = flags;
  // The URL is not shown, because it may contain a password, or a key in its query.
  if (!isPlainHttp(url)) return '--url: expected an http or https URL without user info';
  if (!Object.hasOwn(PAYLOADS, payload)) return `--payload is "${payload}": expected current or legacy`;
  if (flags.failures === true && payload === 'legacy') return '--failures: the legacy payload has no such event';
  const keys = (env['WEBHOOK_SECRET'] ?? '').trim().split(/\s+/).map(keyOf);
  const known = keys.filter((key) => key !== null);
  if (known.length < keys.length) return 'WEBHOOK_SECRET: expected whsec_ and 24 to 64 bytes in Base64';
  return {
    url,
    payload: payload as PayloadName,
    keys: known,
    brokers: (env['KAFKA_BROKERS'] || 'localhost:9092').split(','),
    registryUrl: env['SCHEMA_REGISTRY_URL'] || 'http://localhost:8081',
    topic: env['TOPIC_COMPANY_SYNCHRONIZED'] || 'company-synchronized',
    failedTopic: flags.failures === true ? env['TOPIC_COMPANY_SYNC_FAILED'] || 'company-sync-failed' : null,
    groupId: env['GROUP_ID'] || 'webhook-dispatcher',
  };
}
