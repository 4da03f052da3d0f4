/** What `events send` reports if the brokers refuse a record. */
import { sendAll } from '../../../src/command/events-send.js';
import type { RecordSender } from '../../../src/kafka/topics/record-sender.js';

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
