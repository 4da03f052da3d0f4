/** Finds the running instances of the deployment through the group, and asks them over HTTP. */
import type { Logger } from 'pino';
import type { PartsOf } from '../config-parts.js';
import type { Explanation } from '../domain/explanation.js';
import { GroupOwners } from '../kafka/group/group-owners.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import type { Clock } from '../lib/clock.js';
import { systemClock } from '../lib/system-clock.js';
import { InstanceClient, InstanceError } from '../ops/instance-client.js';
import { MemberProofs } from '../ops/member-proof.js';

/** The parts of the configuration that `RunningInstances` reads. */
export const INSTANCES_READ = ['applicationId', 'kafka', 'topics.syncEvents', 'http.tokens'] as const;

/**
 * An instance answers a limited number of requests a second. A command that asks about very many companies waits as long
 * as the instance asks for, up to this long at a time.
 */
const MAX_PAUSE_MS = 5_000;
const MAX_PAUSES = 20;

/** The instances of the group. Each of them has a company or finds the instance that has it. */
export class RunningInstances {
  readonly #client: InstanceClient;
  /** The addresses that were found last. The instance that answered last comes first. */
  #addresses: readonly string[] = [];

  constructor(
    private readonly config: PartsOf<(typeof INSTANCES_READ)[number]>,
    private readonly logger: Logger,
    /** Another way if no instance runs, for the error message. */
    private readonly otherwise = '',
  ) {
    const proofs = new MemberProofs(config.http.tokens, systemClock);
    this.#client = new InstanceClient(proofs, () => this.#find());
  }

  /** @throws InstanceError if no instance can answer; BrokerError */
  async explanation(companyId: string): Promise<Explanation> {
    const [known] = this.#addresses;
    if (known !== undefined) {
      try {
        return await askedSlowly(() => this.#client.explanation(known, companyId));
      } catch (error) {
        if (!(error instanceof InstanceError)) throw error;
      }
    }
    this.#addresses = await this.#find();
    let lastError = new InstanceError(
      `no running instance of ${this.config.applicationId} advertises an address: start one${this.otherwise}`,
    );
    for (const address of this.#addresses) {
      try {
        const explanation = await askedSlowly(() => this.#client.explanation(address, companyId));
        this.#addresses = [address];
        return explanation;
      } catch (error) {
        if (!(error instanceof InstanceError)) throw error;
        lastError = error;
      }
    }
    throw lastError;
  }

  async #find(): Promise<string[]> {
    const { applicationId: groupId, topics } = this.config;
    const kafka = kafkaConfigOf(this.config, this.logger);
    const group = new GroupOwners({ kafka, groupId, topic: topics.syncEvents, clock: systemClock });
    try {
      const owners = await group.owners();
      return [...new Set(owners.flatMap(({ httpAddress }) => httpAddress ?? []))];
    } finally {
      await group.close();
    }
  }
}

/** Asks again after the pause that the instance asks for. @throws InstanceError for other refusals, and after too many */
export async function askedSlowly<T>(ask: () => Promise<T>, clock: Pick<Clock, 'delay'> = systemClock): Promise<T> {
  for (let pauses = 0; ; pauses++) {
    try {
      return await ask();
    } catch (error) {
      const pauseMs = error instanceof InstanceError ? error.retryAfterMs : null;
      if (pauseMs === null || pauseMs > MAX_PAUSE_MS || pauses === MAX_PAUSES) throw error;
      await clock.delay(pauseMs);
    }
  }
}
