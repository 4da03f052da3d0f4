/** What `events send` reports about its file, and if the brokers refuse a record. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandContext } from '../../../src/command/command.js';
import { parseCommandLine } from '../../../src/command/command-line.js';
import { sendAll } from '../../../src/command/events-send.js';
import type { RecordSender } from '../../../src/kafka/topics/record-sender.js';
import { loadConfig } from '../../../src/config.js';
import { SCHEMAS_FOLDER } from '../../../testkit/command.js';

const folder = mkdtempSync(join(tmpdir(), 'events-send-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a dry run prints about a file with these bytes. */
async function dryRun(bytes: Buffer): Promise<string[]> {
  const file = join(folder, 'events.jsonl');
  writeFileSync(file, bytes);
  const line = await parseCommandLine(['events', 'send', '--dry-run', '--file', file]);
  if (line.kind !== 'command') throw new Error('not a command');
  const printed: string[] = [];
  const print = (text: string) => printed.push(text);
  const context = { config: loadConfig({}, {}, () => ''), schemasFolder: SCHEMAS_FOLDER, print };
  await line.command.run(context as unknown as CommandContext, line.flags, line.argument);
  return printed;
}

const deletion = (companyId: string) => `{"companyId":"${companyId}","clientId":"a","payload":{"CompanyDeleted":{}}}\n`;

test('the texts of a file are UTF-8, with any characters', async () => {
  const printed = await dryRun(Buffer.from(`\uFEFF# 公司\n${deletion('公司 \u2028 \u{1F3E2}\u0085')}\r\n`));
  expect(printed.slice(0, 2)).toEqual([
    '1 company would never be announced after this, and you cannot undo it:',
    `  ${JSON.stringify('公司 \u2028 \u{1F3E2}\u0085')}`,
  ]);
});

test('an id that is not UTF-8, or has half a character, is not sent as another id', async () => {
  const latin1 = Buffer.from(deletion('caf\u00e9'), 'latin1');
  expect(await dryRun(Buffer.concat([latin1, Buffer.from(deletion('x\\ud83c'))]))).toEqual([
    'line 1: not UTF-8',
    'line 2: companyId: has half a character (an unpaired surrogate)',
    'nothing was sent: correct the lines and run the command again',
  ]);
});

const RECORD = { key: Buffer.from('acme'), value: Buffer.from('v'), headers: [] };

async function failingAfter(sent: number, of: number): Promise<string[]> {
  const lines: string[] = [];
  const sender: Pick<RecordSender, 'send'> = {
    send: (_topic, _records, options) => {
      if (sent > 0) options?.onSent?.(sent);
      return Promise.reject(new Error('the brokers refused'));
    },
  };
  const records = Array.from({ length: of }, () => RECORD);
  const all = sendAll(
    sender,
    'sync-events',
    records,
    () => undefined,
    (line) => lines.push(line),
  );
  await expect(all).rejects.toThrow('the brokers refused');
  return lines;
}

test('an error says how many events were sent, and how many may have been', async () => {
  expect(await failingAfter(1_000, 1_200)).toEqual([
    '1000 of 1200 events were sent before the error, from the first line of the file on, and perhaps some of the next ' +
      '200: remove the lines of these events from the file, and run the command again',
  ]);
  expect((await failingAfter(0, 2_000))[0]).toContain('0 of 2000 events were sent');
  expect((await failingAfter(0, 2_000))[0]).toContain('some of the next 500');
});
