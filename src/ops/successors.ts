/** Reports whether another member is ready for the partitions of an instance that is about to stop. */
import type { Logger } from 'pino';
import type { Clock } from '../lib/clock.js';
import { settlesWithin } from '../lib/long-promise.js';
import type { StateHolder } from '../pipeline/ports.js';
import type { InstanceClient } from './instance-client.js';

export interface SuccessorsOptions {
  /** The partitions that run here. */
  readonly partitions: () => Iterable<number>;
  /** Partition -> changelog position of the state here. */
  readonly statePositions: () => ReadonlyMap<number, number>;
  readonly memberId: () => string | null;
  /** The state that each member of the group has on its disk. */
  readonly holders: () => Promise<readonly StateHolder[]>;
  readonly client: Pick<InstanceClient, 'standbyPositions'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A stop waits no longer than this for the report. The partitions continue to run meanwhile. */
const REPORT_TIMEOUT_MS = 1_000;
/** A successor replays this many records within a fraction of a second. */
const READY_RECORDS = 50_000;

/** The member that has most of a partition's state. */
interface Successor {
  readonly how: string;
  readonly position: number;
}

export class Successors {
  constructor(private readonly options: SuccessorsOptions) {}

  /**
   * Logs for each partition that runs here which member has its state, and how many changelog records that state is
   * behind. Partitions with the same result share a line. Never throws, and takes at most REPORT_TIMEOUT_MS.
   */
  async report(): Promise<void> {
    const { partitions, clock, logger } = this.options;
    const running = [...partitions()].sort((a, b) => a - b);
    if (running.length === 0) return;
    try {
      const successors = this.#successors();
      if (!(await settlesWithin(successors, clock, REPORT_TIMEOUT_MS)))
        throw new Error(`no answer within ${REPORT_TIMEOUT_MS} ms`);
      this.#log(running, await successors);
    } catch (err) {
      logger.warn(
        { err, partitions: running },
        `${named(running)}: could not find out whether another instance holds their state`,
      );
    }
  }

  /** One look-up for each other member. */
  async #successors(): Promise<readonly ((partition: number) => Successor | null)[]> {
    const { holders, memberId } = this.options;
    const all = await holders();
    const us = all.find((holder) => holder.memberId === memberId());
    const others = all.filter((holder) => holder !== us);
    return Promise.all(others.map((holder) => this.#successor(holder, us?.httpAddress ?? null)));
  }

  /**
   * At its last join, a member reported the positions on its disk. Its standbys have moved forward since, and only the
   * member itself knows their current positions.
   */
  async #successor(holder: StateHolder, ourAddress: string | null): Promise<(partition: number) => Successor | null> {
    const { httpAddress, memberId, standbys, statePositions } = holder;
    const where = httpAddress ?? memberId;
    // If an instance advertises an address such as 127.0.0.1, others cannot reach it: we would ask ourselves.
    const isAsked = standbys.length > 0 && httpAddress !== null && httpAddress !== ourAddress;
    const live = isAsked
      ? await this.options.client.standbyPositions(httpAddress).catch(() => new Map<number, number>())
      : new Map<number, number>();
    return (partition) => {
      const position = live.get(partition) ?? statePositions.get(partition);
      if (position === undefined) return null;
      return { how: standbys.includes(partition) ? `a standby on ${where}` : `the state on ${where}`, position };
    };
  }

  #log(running: readonly number[], others: readonly ((partition: number) => Successor | null)[]): void {
    const { statePositions, logger } = this.options;
    const lines = new Map<string, { readonly partitions: number[]; behind: number }>();
    for (const partition of running) {
      const successors = others.flatMap((of) => of(partition) ?? []);
      const [best] = successors.sort((a, b) => b.position - a.position);
      const successor = others.length === 0 ? NO_MEMBER : (best?.how ?? NO_STATE);
      const line = lines.get(successor) ?? { partitions: [], behind: 0 };
      lines.set(successor, line);
      line.partitions.push(partition);
      line.behind = Math.max(line.behind, (statePositions().get(partition) ?? 0) - (best?.position ?? 0));
    }
    for (const [successor, { partitions, behind }] of lines) {
      const isReady = successor !== NO_MEMBER && behind <= READY_RECORDS;
      logger[isReady ? 'info' : 'warn']({ partitions, behind }, `${named(partitions)}: ${sentence(successor, behind)}`);
    }
  }
}

const NO_MEMBER = 'no member';
const NO_STATE = 'no state';

function sentence(successor: string, behind: number): string {
  if (successor === NO_MEMBER) return 'no other instance is in the group, so nothing runs until you start one';
  if (successor === NO_STATE)
    return `no other instance holds their state, so the next owner restores up to ${behind} changelog records`;
  return `${successor} is up to ${behind} changelog records behind`;
}

function named(partitions: readonly number[]): string {
  return `${partitions.length === 1 ? 'partition' : 'partitions'} ${partitions.join(', ')}`;
}
