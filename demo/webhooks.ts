/** The customer: the example dispatcher as a process of its own, and a receiver that refuses some webhooks at first. */
import { randomBytes } from 'node:crypto';
import { pollUntil } from '../testkit/cluster/poll-until.js';
import { DispatcherProcess } from '../testkit/dispatcher.js';
import { WebhookReceiver, type ReceivedWebhook } from '../testkit/webhook-receiver.js';
import { REPOSITORY, type Deployment } from './deployment.js';

/** The first of this many new webhooks is refused, so the dispatcher must send it again. */
const REFUSED_ONE_OF = 20;
/** The time limit for the last webhooks after all events are processed. Longer than a few pauses of the dispatcher. */
const DELIVERY_TIMEOUT_MS = 30_000;

export class Webhooks {
  readonly #receiver: WebhookReceiver;
  readonly #dispatcher: DispatcherProcess;

  private constructor(receiver: WebhookReceiver, dispatcher: DispatcherProcess) {
    this.#receiver = receiver;
    this.#dispatcher = dispatcher;
  }

  static async start({ env, applicationId }: Deployment): Promise<Webhooks> {
    const secret = `whsec_${randomBytes(32).toString('base64')}`;
    let news = 0;
    const receiver = await WebhookReceiver.start(secret, (_, earlier) => ({
      status: earlier === 0 && news++ % REFUSED_ONE_OF === 0 ? 503 : 204,
    }));
    const settings = { ...env, WEBHOOK_SECRET: secret, GROUP_ID: `${applicationId}-webhooks` };
    return new Webhooks(receiver, new DispatcherProcess(REPOSITORY, ['--url', receiver.url], settings));
  }

  /** Webhooks accepted so far. */
  get count(): number {
    return this.#receiver.accepted.length;
  }

  /**
   * Waits for the last webhooks.
   *
   * @param announced the companies that the audit found announced
   * @returns one line about the webhooks, and whether each announcement came exactly once and signed
   */
  async received(announced: ReadonlySet<string>): Promise<{ readonly line: string; readonly good: boolean }> {
    const companies = () => new Set(this.#receiver.accepted.map(companyOf));
    const abort = this.#dispatcher.exited.then((exitCode): never => {
      throw new Error(`the dispatcher ended with ${exitCode}: ${this.#dispatcher.output}`);
    });
    const complete = () => Promise.resolve([...announced].every((companyId) => companies().has(companyId)));
    const options = { awaited: 'every announcement is delivered', timeoutMs: DELIVERY_TIMEOUT_MS, abort };
    await pollUntil(complete, options).catch(() => undefined); // The line reports what is missing.
    const { received, accepted } = this.#receiver;
    const missing = [...announced].filter((companyId) => !companies().has(companyId)).length;
    const repeated = accepted.length - new Set(accepted.map(({ id }) => id)).size;
    const strange = [...companies()].filter((companyId) => !announced.has(companyId)).length;
    const unsigned = received.filter(({ signed }) => !signed).length;
    const line =
      `webhooks: ${accepted.length} for ${announced.size} announced, missing ${missing}, repeated ${repeated}, ` +
      `unannounced ${strange}, wrong signatures ${unsigned}; ${received.length - accepted.length} were refused at first`;
    return { line, good: missing + repeated + strange + unsigned === 0 };
  }

  async stop(): Promise<void> {
    await this.#dispatcher.stop();
    await this.#receiver.close();
  }
}

function companyOf({ body }: ReceivedWebhook): string {
  return (body as { readonly data: { readonly companyId: string } }).data.companyId;
}
