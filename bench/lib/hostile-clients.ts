/**
 * Hostile clients of an instance's HTTP port: they ask for too much, send wrong requests, or never finish a request.
 */
import { setMaxListeners } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Each kind of client has its own address, because limits count by address. */
const ASKING_FROM = '127.0.0.2';
const WRONG_TOKENS_FROM = '127.0.0.3';
const HALF_SENT_FROM = ['127.0.0.4', '127.0.0.5'];
const ASKING_CLIENTS = 6;
const WRONG_CLIENTS = 4;
const HALF_SENT_CONNECTIONS = 100;
const PAUSE_MS = 20;
const RETRY_MS = 200;
const PATHS = [
  ...['/companies?state=pending&limit=100', '/companies?state=held', '/companies?state=stalled'],
  ...['/companies/x', '/companies/unlinked-0', '/companies/many-links-0', '/partitions', '/metrics', '/readyz', '/'],
];

/** Answers that no client should be able to cause. */
const OWN_FAULT = 500;
const KEPT_FAULTS = 5;
const KEPT_CHARACTERS = 300;

export interface Answers {
  /** The number of answers by status; 0 stands for a refused connection. */
  readonly byStatus: ReadonlyMap<number, number>;
  /** The first answers with status 500: path and body of each. */
  readonly faults: readonly string[];
}

/** Runs all hostile clients until `signal` aborts. */
export async function hostileClients(address: string, token: string, signal: AbortSignal): Promise<Answers> {
  setMaxListeners(0, signal); // One answer of each connection.
  const byStatus = new Map<number, number>();
  const faults: string[] = [];
  const asking = async (from: string, authorization: string, first: number): Promise<void> => {
    for (let i = first; !signal.aborted; i++) {
      const url = new URL(PATHS[i % PATHS.length] as string, address);
      const { status, body } = await ask(url, from, { authorization });
      byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
      if (status === OWN_FAULT && faults.length < KEPT_FAULTS) faults.push(`${url.pathname}${url.search}: ${body}`);
      await delay(PAUSE_MS);
    }
  };
  const each = (count: number, start: (i: number) => Promise<void>): Promise<void>[] =>
    Array.from({ length: count }, (_, i) => start(i));
  await Promise.all([
    ...each(ASKING_CLIENTS, (i) => asking(ASKING_FROM, `Bearer ${token}`, i)),
    ...each(WRONG_CLIENTS, (i) => asking(WRONG_TOKENS_FROM, `Bearer wrong-${i}`, i)),
    ...HALF_SENT_FROM.flatMap((from) => each(HALF_SENT_CONNECTIONS, () => halfSent(address, from, signal))),
  ]);
  return { byStatus, faults };
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

function ask(url: URL, localAddress: string, headers: Record<string, string>): Promise<Answer> {
  return new Promise((resolve) => {
    const sent = request(url, { localAddress, headers, agent: false }, (response) => {
      let body = '';
      response.on('data', (part: Buffer) => {
        if (body.length < KEPT_CHARACTERS) body += part.toString();
      });
      response.once('close', () => resolve({ status: response.statusCode ?? 0, body: body.slice(0, KEPT_CHARACTERS) }));
    });
    sent.once('error', () => resolve({ status: 0, body: '' })).end();
  });
}

/** Opens a connection, sends a part of a request, waits until it is closed, and begins again. */
async function halfSent(address: string, localAddress: string, signal: AbortSignal): Promise<void> {
  const { hostname, port } = new URL(address);
  while (!signal.aborted) {
    await new Promise<void>((resolve) => {
      const socket = connect({ host: hostname, port: Number(port), localAddress });
      const end = (): void => void socket.destroy();
      signal.addEventListener('abort', end, { once: true });
      socket.once('connect', () => socket.write('GET /companies HTTP/1.1\r\nhost: localhost\r\nx-slow: '));
      socket.once('error', () => undefined).resume();
      socket.once('close', () => {
        signal.removeEventListener('abort', end);
        resolve();
      });
    });
    await delay(RETRY_MS);
  }
}
