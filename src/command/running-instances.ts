/** The running instances of the deployment, found through the group and asked over HTTP. */
import type { Logger } from 'pino';
import type { Config } from '../config.js';
import type { Explanation } from '../domain/explanation.js';
import { GroupOwners } from '../kafka/group/group-owners.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { systemClock } from '../lib/system-clock.js';
import { InstanceClient, InstanceError } from '../ops/instance-client.js';
import { MemberProofs } from '../ops/member-proof.js';

/** The instances of the group; any of them knows or finds who has a company. */
export class RunningInstances {
  readonly #client: InstanceClient;
  /** Those found last, the one that answered last first. */
  #addresses: readonly string[] = [];

  constructor(
    private readonly config: Config,
    private readonly logger: Logger,
    /** What else can be done where none runs, for the message that says so. */
    private readonly otherwise = '',
  ) {
    const proofs = new MemberProofs(config.http.tokens, systemClock);
    this.#client = new InstanceClient(proofs, () => this.#find());
  }

  /** @throws InstanceError where none can tell; BrokerError */
  async explanation(companyId: string): Promise<Explanation> {
    const [known] = this.#addresses;
    if (known !== undefined) {
      try {
        return await this.#client.explanation(known, companyId);
      } catch (error) {
        if (!(error instanceof InstanceError)) throw error;
      }
    }
    this.#addresses = await this.#find();
    let lastError = new InstanceError(
      `no running instance of ${this.config.applicationId} tells where it is reached: start one${this.otherwise}`,
    );
    for (const address of this.#addresses) {
      try {
        const explanation = await this.#client.explanation(address, companyId);
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
