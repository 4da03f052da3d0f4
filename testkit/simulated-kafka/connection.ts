/** A client's connection to a simulated broker: it cuts the bytes into requests, and answers one after the other. */
import type { Broker } from './broker.js';
import { UNSUPPORTED_VERSION } from './error-codes.js';
import { HANDLERS } from './handlers/all-handlers.js';
import type { Handler } from './handlers/handler.js';
import { readHeader, writeAnswer, type RequestHeader } from './wire/api.js';
import { apiVersionsApi } from './wire/admin-apis.js';
import { MalformedRequestError } from './wire/fields.js';

const LENGTH_BYTES = 4;
const MAX_REQUEST_BYTES = 100 * 1024 * 1024;
const KEYS_WITH_QUOTAS: readonly number[] = [0, 1];

export class BrokerConnection {
  #received: Buffer = Buffer.alloc(0);
  readonly #requests: Buffer[] = [];
  #isBusy = false;
  #isOpen = true;

  /**
   * @param send takes the bytes of answers
   * @param close called if the broker closes the connection
   */
  constructor(
    private readonly broker: Broker,
    private readonly send: (bytes: Buffer) => void,
    private readonly close: () => void,
  ) {
    broker.connections.add(this);
  }

  /** Bytes of the client, in any pieces. */
  receive(bytes: Buffer): void {
    if (!this.#isOpen) return;
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    while (this.#received.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + this.#received.readInt32BE();
      if (end < LENGTH_BYTES || end > MAX_REQUEST_BYTES) return this.end();
      if (this.#received.length < end) break;
      this.#requests.push(this.#received.subarray(LENGTH_BYTES, end));
      this.#received = this.#received.subarray(end);
    }
    this.#next();
  }

  /** The client has closed the connection. */
  closed(): void {
    this.#isOpen = false;
    this.broker.connections.delete(this);
  }

  end(): void {
    if (!this.#isOpen) return;
    this.closed();
    this.close();
  }

  /** A broker handles the requests of a connection one after the other. */
  #next(): void {
    if (this.#isBusy || !this.#isOpen) return;
    const frame = this.#requests.shift();
    if (frame === undefined) return;
    this.#isBusy = true;
    this.broker.world.soon('request', () => {
      if (this.#isOpen) this.#handle(frame);
    });
  }

  #handle(frame: Buffer): void {
    try {
      const { header, body } = readHeader(frame);
      const handler = HANDLERS.get(header.apiKey);
      if (handler === undefined || header.version < handler.min || header.version > handler.max)
        return this.#refuseVersion(header, handler);
      handler.handle(body, { broker: this.broker, header }, (answer) => this.#reply(header, answer));
    } catch (error) {
      if (!(error instanceof MalformedRequestError)) throw error;
      this.end();
    }
  }

  /** Only ApiVersions has an answer to an unknown version. Otherwise a broker closes the connection. */
  #refuseVersion(header: RequestHeader, handler: Handler | undefined): void {
    if (handler?.key !== apiVersionsApi.key) return this.end();
    const answer = { errorCode: UNSUPPORTED_VERSION, apis: [], throttleMs: 0 };
    this.#reply(header, writeAnswer(apiVersionsApi, { ...header, version: 0 }, answer));
  }

  #reply({ apiKey }: RequestHeader, answer: Buffer | null): void {
    if (!this.#isOpen) return;
    if (answer !== null) this.send(answer);
    const proceed = (): void => {
      this.#isBusy = false;
      this.#next();
    };
    const { throttleMs, world } = this.broker;
    // A client over its quota gets its answer at once, and its next request waits (KIP-219).
    if (throttleMs > 0 && KEYS_WITH_QUOTAS.includes(apiKey)) world.time.after(throttleMs, proceed);
    else proceed();
  }
}
