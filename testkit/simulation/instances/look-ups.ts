/**
 * A client that asks any instance about a company, and follows redirects. While nothing was lost, no instance may say that
 * it does not know a company whose manifest is consumed. The owner learns that a little later than the cluster: when the
 * answer to its commit arrives, which a slow network delays.
 */
import { AvroValues } from '../../audit/avro-values.js';
import { readEvent } from '../../audit/read-events.js';
import type { SeededRandom } from '../../seeded-random.js';
import type { SimulatedRecord } from '../../simulated-kafka/index.js';
import { REGISTERED } from '../pipeline/check.js';
import { SCHEMAS } from '../pipeline/codecs.js';
import { asRecord, partitionsOf } from './check.js';
import type { Instance } from './instance.js';
import { SimulatedProcess } from './process.js';
import { APPLICATION_ID, TOPICS } from './topics.js';
import type { World } from './world.js';

const PAUSE_MS = 3_000;
/** More than the slowest way there and back. */
const OWNER_KNOWS_AFTER_MS = 10_000;
const MAX_REDIRECTS = 3;
const TIMEOUT_MS = 20_000;
const KNOWN = 200;
const UNKNOWN = 404;
const REDIRECT = 307;

const EVENTS = new AvroValues(SCHEMAS.syncEvent, REGISTERED);

export class LookUps {
  readonly #client: SimulatedProcess;
  /** When the manifest of a company was first seen to be consumed. */
  readonly #consumedAt = new Map<string, number>();
  readonly #companies = new WeakMap<SimulatedRecord, string | null>();

  constructor(
    private readonly world: World,
    private readonly instances: readonly Instance[],
    private readonly random: SeededRandom,
  ) {
    this.#client = new SimulatedProcess(world, 'client', (error) =>
      world.violated(`a look-up failed: ${(error as Error).stack ?? String(error)}`),
    );
  }

  begin(): void {
    this.#client.later(this.random.integer(0, PAUSE_MS), () => void this.#look().then(() => this.begin()));
  }

  end(): void {
    this.#client.kill();
  }

  async #look(): Promise<void> {
    const companies = this.#knownToOwner();
    if (companies.length === 0) return;
    const companyId = this.random.pick(companies);
    const { address } = this.random.pick(this.instances);
    const status = await this.#ask(address, companyId).catch(() => 0);
    this.world.trace('client', `${address} on ${companyId}: ${status}`);
    if (status === UNKNOWN && !this.world.losses.any)
      this.world.violated(`${address} does not know ${companyId}, whose manifest is consumed`);
  }

  /** @returns the last status; REDIRECT if there were too many */
  async #ask(address: string, companyId: string): Promise<number> {
    let url = `${address}/companies/${companyId}`;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const answer = await this.world.http.fetch(this.#client, url, this.#timeout());
      if (answer.status !== REDIRECT) return this.#judged(answer, companyId);
      url = new URL(answer.headers.get('location') ?? '', url).href;
    }
    return REDIRECT;
  }

  async #judged(answer: Response, companyId: string): Promise<number> {
    if (answer.status !== KNOWN) return answer.status;
    const explanation = (await answer.json()) as { companyId: string };
    if (explanation.companyId !== companyId) this.world.violated(`asked for ${companyId}: ${explanation.companyId}`);
    return answer.status;
  }

  #timeout(): AbortSignal {
    const controller = new AbortController();
    this.#client.later(TIMEOUT_MS, () => controller.abort(new Error('no answer')));
    return controller.signal;
  }

  #knownToOwner(): string[] {
    const now = this.world.time.now();
    for (const companyId of this.#consumed())
      if (!this.#consumedAt.has(companyId)) this.#consumedAt.set(companyId, now);
    return [...this.#consumedAt].filter(([, at]) => now - at >= OWNER_KNOWS_AFTER_MS).map(([companyId]) => companyId);
  }

  /** Companies with a manifest that the group has consumed: other records alone may change nothing. */
  #consumed(): string[] {
    const { cluster } = this.world;
    const ids = partitionsOf(this.world).flatMap((partition) => {
      const committed = cluster.committedOffset(APPLICATION_ID, TOPICS.syncEvents, partition) ?? 0;
      return cluster
        .read(TOPICS.syncEvents, partition, 'read_committed')
        .filter(({ offset }) => offset < committed)
        .flatMap((record) => this.#companyWithManifest(record, partition) ?? []);
    });
    return [...new Set(ids)];
  }

  /** The company if the record is a manifest. Each look-up reads all records: none is decoded twice. */
  #companyWithManifest(record: SimulatedRecord, partition: number): string | null {
    const known = this.#companies.get(record);
    if (known !== undefined) return known;
    const event = readEvent(asRecord(record, partition), EVENTS);
    const isManifest = event.kind === 'event' && event.payload.type === 'LinkSyncQueued';
    const companyId = isManifest ? event.companyId : null;
    this.#companies.set(record, companyId);
    return companyId;
  }
}
