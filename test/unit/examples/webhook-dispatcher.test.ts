import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { DeliveredIds } from '../../../examples/webhook-dispatcher/delivered-ids.js';
import { printable } from '../../../examples/webhook-dispatcher/printable.js';
import { pauseAfter, retryAfterOf, tryToDeliver } from '../../../examples/webhook-dispatcher/try.js';
import {
  companyEventOf,
  EVENT_TYPES,
  keyOf,
  signedHeaders,
  traceHeaders,
  webhookOf,
} from '../../../examples/webhook-dispatcher/webhook.js';

const NOW = Date.parse('2026-01-31T12:00:00Z');

test.each([
  [null, 0],
  ['0', 0],
  ['120', 120_000],
  ['Sat, 31 Jan 2026 12:00:30 GMT', 30_000],
  ['Sat, 31 Jan 2026 11:00:00 GMT', 0],
  ['soon', 0],
  ['99999999999999999999', 3_600_000],
])('a Retry-After of %s asks for %d ms', (header, ms) => {
  expect(retryAfterOf(header, NOW)).toBe(ms);
});

test('retry pauses double up to five minutes; half of each pause is random; no pause is shorter than Retry-After', () => {
  expect([1, 2, 3, 40, 5_000].map((failures) => pauseAfter(failures, 0, 0))).toEqual([500, 1_000, 2_000, 150e3, 150e3]);
  expect(pauseAfter(1, 0, 0.5)).toBe(750);
  expect(pauseAfter(1, 9_000, 0.5)).toBe(9_000);
});

test('while a secret is replaced, a receiver that knows either of both accepts the webhook', () => {
  const secrets = [24, 64].map((bytes) => `whsec_${randomBytes(bytes).toString('base64')}`);
  const keys = secrets.map(keyOf).filter((key) => key !== null);
  const headers = signedHeaders('some-id', Date.now(), '{"a":"ü"}', keys);
  for (const secret of secrets) expect(new Webhook(secret).verify('{"a":"ü"}', headers)).toEqual({ a: 'ü' });
  expect(() => new Webhook(secrets[0] as string).verify('{"a":"u"}', headers)).toThrow();
});

const EVENT = { eventId: '0d9d5a3c-3d7e-5a4f-9c1b-2f6f0f4c7a11', companyId: 'acme', clientId: 'client' };
const WANTED = { payload: 'current', keys: [randomBytes(24)] } as const;

test("a webhook has the announcement's id, and continues its trace", () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const { headers } = webhookOf(
    companyEventOf(EVENT),
    EVENT_TYPES.synchronized,
    { ceTime: '', traceparent },
    WANTED,
    NOW,
  );
  expect(headers).toMatchObject({ 'webhook-id': EVENT.eventId, traceparent });
  expect(
    webhookOf(EVENT, EVENT_TYPES.synchronized, { ceTime: '', traceparent: '' }, WANTED, NOW).headers,
  ).not.toHaveProperty('traceparent');
});

test.each([undefined, null, 7, '', 'acme', `${EVENT.eventId}\r\nx: y`, `${EVENT.eventId} `, 'x'.repeat(1e6)])(
  'a record whose event id is not a UUID is not sent (case %#)',
  (eventId) => {
    expect(() => companyEventOf({ ...EVENT, eventId })).toThrow(/^the event id .{1,110} is not a UUID$/);
  },
);

test.each([null, 'text', 7, { eventId: EVENT.eventId }])('%j is not an announcement', (value) => {
  expect(() => companyEventOf(value)).toThrow('not an event of a company');
});

test('a webhook is delivered without a traceparent that HTTP cannot carry', async () => {
  const received: unknown[] = [];
  const receiver = createServer((request, response) => {
    received.push(request.headers['traceparent']);
    response.end();
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  for (const traceparent of ['01-a', '01-\u0000', '01-\u0007', '01-€', '01-a\r\nx: y', '']) {
    const outcome = await tryToDeliver(
      url,
      { ...signedHeaders('id', NOW, '{}', []), ...traceHeaders(traceparent) },
      '{}',
    );
    expect(outcome).toEqual({ kind: 'delivered', status: 200 });
  }
  expect(received).toEqual(['01-a', undefined, undefined, undefined, undefined, undefined]);
  receiver.close();
});

test.each(['', 'whsec_', `whsec_${'A'.repeat(20)}`, randomBytes(32).toString('base64'), 'whsec_!'.padEnd(50, 'A')])(
  '%s is not a secret',
  (text) => {
    expect(keyOf(text)).toBeNull();
  },
);

test('a company id with escape sequences stays on its line when printed', () => {
  expect(printable('a\u001b[2J\u0007\n\u009bm\u202eb')).toBe(String.raw`a\u001b[2J\u0007\u000a\u009bm\u202eb`);
});

test('the last 10,000 delivered ids are remembered; a longer id than an event id is not remembered', () => {
  const delivered = new DeliveredIds();
  const long = 'x'.repeat(1_000);
  for (let i = 0; i <= 10_000; i++) delivered.add(String(i));
  delivered.add(long);
  expect(['0', '1', '10000', long].map((id) => delivered.has(id))).toEqual([false, true, true, false]);
});

test('the type of the body is that of the topic which the event was read from', () => {
  for (const type of Object.values(EVENT_TYPES)) {
    const { body } = webhookOf(EVENT, type, { ceTime: '2024-01-01T00:00:00Z', traceparent: '' }, WANTED, NOW);
    expect(JSON.parse(body)).toEqual({ type, timestamp: '2024-01-01T00:00:00Z', data: EVENT });
  }
});
