/** A receiver of webhooks, like that of a customer. It checks signatures with the reference library of the standard. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

export interface ReceivedWebhook {
  /** `webhook-id`, by which a receiver recognises repeated webhooks. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
  /** Whether the signature was made with the secret. */
  readonly signed: boolean;
  readonly answered: Answer;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** @param earlier how many webhooks with this id came before */
export type Answering = (id: string, earlier: number) => Answer | Promise<Answer>;

export class WebhookReceiver {
  /** The received webhooks, in the order of the answers. */
  readonly received: ReceivedWebhook[] = [];
  readonly #webhook: Webhook;
  readonly #answering: Answering;
  readonly #server: Server;
  readonly #came = new Map<string, number>();

  private constructor(secret: string, answering: Answering) {
    this.#webhook = new Webhook(secret);
    this.#answering = answering;
    this.#server = createServer((request, response) => {
      this.#receive(request).then(
        ({ status, headers = {} }) => response.writeHead(status, { ...headers }).end(),
        () => response.destroy(), // The sender has disconnected before the end.
      );
    });
  }

  /** Call `close` at the end. */
  static async start(secret: string, answering: Answering): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver(secret, answering);
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/webhooks`;
  }

  /** The webhooks that were answered with 2xx. */
  get accepted(): ReceivedWebhook[] {
    return this.received.filter(({ answered: { status } }) => status >= 200 && status < 300);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #receive(request: IncomingMessage): Promise<Answer> {
    const at = Date.now();
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const text = Buffer.concat(parts).toString();
    const { headers } = request;
    const id = String(headers['webhook-id']);
    const earlier = this.#came.get(id) ?? 0;
    this.#came.set(id, earlier + 1);
    const answered = await this.#answering(id, earlier);
    this.received.push({ id, at, headers, body: JSON.parse(text), signed: this.#isSigned(text, headers), answered });
    return answered;
  }

  #isSigned(text: string, headers: IncomingHttpHeaders): boolean {
    try {
      this.#webhook.verify(text, headers as Record<string, string>);
      return true;
    } catch {
      return false; // The library reports a wrong signature by an error.
    }
  }
}
