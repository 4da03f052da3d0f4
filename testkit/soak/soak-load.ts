/** Writes records of companies at a steady rate, until it is stopped. */
import { setTimeout as delay } from 'node:timers/promises';
import { Partitioners, type Kafka, type Message, type Producer } from 'kafkajs';
import type { Deployment } from '../deployment.js';
import { createPlatformEncoder, type PlatformEncoder, type PlatformPayload } from '../platform-events.js';
import { SeededRandom } from '../seeded-random.js';

const TICK_MS = 100;
/** Of one write: after an outage, many are due at once. */
const MOST_AT_ONCE = 1_000;
/** Companies that are being synced at the same time. */
const IN_FLIGHT = 400;
const DATASETS = 8;
const STATUSES = ['Fetching', 'Complete'];
const CLIENTS = 20;
/** One record in so many has no key: it becomes a dead letter that holds no company. */
const WITHOUT_KEY_EVERY = 500;
/** One company in so many is deleted before it is complete. */
const DELETED_EVERY = 50;
/** One company in so many gets a record again after its announcement. */
const REFRESHED_EVERY = 4;

export class SoakLoad {
  readonly #random: SeededRandom;
  readonly #companies: Company[] = [];
  #written = 0;
  #isStopping = false;
  readonly #ended: Promise<void>;

  private constructor(
    private readonly topic: string,
    private readonly producer: Producer,
    private readonly encoder: PlatformEncoder,
    private readonly options: { readonly rate: number; readonly seed: number },
  ) {
    this.#random = new SeededRandom(options.seed);
    this.#ended = this.#write();
    this.#ended.catch(() => undefined); // `stop` reports the error.
  }

  /** Begins at once. The topics and schemas of the deployment must exist. */
  static async start(
    kafka: Kafka,
    deployment: Deployment,
    options: { readonly rate: number; readonly seed: number },
  ): Promise<SoakLoad> {
    const { registryUrl, topics, schemasFolder } = deployment;
    const encoder = await createPlatformEncoder(registryUrl, topics, schemasFolder);
    const createPartitioner = Partitioners.DefaultPartitioner;
    const producer = kafka.producer({ allowAutoTopicCreation: false, createPartitioner });
    await producer.connect();
    return new SoakLoad(topics.events, producer, encoder, options);
  }

  get records(): number {
    return this.#written;
  }

  /** Resolves when everything is written. Rejects if a write has failed. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#ended.finally(() => this.producer.disconnect());
  }

  async #write(): Promise<void> {
    const startedAt = performance.now();
    while (!this.#isStopping) {
      const due = Math.floor(((performance.now() - startedAt) * this.options.rate) / 1_000);
      const count = Math.min(due - this.#written, MOST_AT_ONCE);
      const messages = Array.from({ length: count }, () => this.#next());
      if (messages.length > 0) await this.producer.send({ topic: this.topic, messages });
      this.#written += messages.length;
      await delay(TICK_MS);
    }
  }

  #next(): Message {
    const random = this.#random;
    while (this.#companies.length < IN_FLIGHT) this.#companies.push(new Company(this.encoder, random));
    const at = random.integer(0, IN_FLIGHT - 1);
    const company = this.#companies[at] as Company;
    const message = company.next();
    if (company.isOver) this.#companies.splice(at, 1);
    return random.integer(1, WITHOUT_KEY_EVERY) === 1 ? { ...message, key: null } : message;
  }
}

/** The records of one company, in their order. */
class Company {
  readonly #left: PlatformPayload[];
  readonly #companyId: string;
  readonly #clientId: string;

  constructor(
    private readonly encoder: PlatformEncoder,
    private readonly random: SeededRandom,
  ) {
    this.#companyId = random.uuid();
    this.#clientId = `client-${random.integer(1, CLIENTS)}`;
    const connectionId = random.uuid();
    const datasets = Array.from({ length: DATASETS }, () => ({ datasetId: random.uuid(), dataType: 'invoices' }));
    const link = { linkId: random.uuid(), connectionId, sourceType: 'accounting', companyName: 'Example Trading Ltd' };
    const statusOf = (dataset: (typeof datasets)[number], status: string, revision: number): PlatformPayload => ({
      'companysync.DatasetStatusChanged': {
        ...dataset,
        connectionId,
        status,
        trigger: 'LINK',
        revision,
        errorMessage: null,
      },
    });
    this.#left = [
      { 'companysync.LinkSyncQueued': { ...link, datasets, isFinal: true } },
      ...STATUSES.flatMap((status, revision) => datasets.map((dataset) => statusOf(dataset, status, revision))),
    ];
    const [first] = datasets;
    if (first !== undefined && random.integer(1, REFRESHED_EVERY) === 1)
      this.#left.push(statusOf(first, 'Fetching', STATUSES.length));
    if (random.integer(1, DELETED_EVERY) === 1)
      this.#left.splice(random.integer(1, DATASETS), Infinity, { 'companysync.CompanyDeleted': {} });
  }

  get isOver(): boolean {
    return this.#left.length === 0;
  }

  next(): Message {
    const { random } = this;
    const payload = this.#left.shift() as PlatformPayload;
    const [companyId, clientId] = [this.#companyId, this.#clientId];
    const event = { eventId: random.uuid(), companyId, clientId, occurredAt: Date.now(), payload };
    return { key: companyId, value: this.encoder.event(event) };
  }
}
