import { InconsistentPositionError } from './errors.js';
import { commandToSet } from './position-choices.js';
import type { LogBounds } from './ports.js';

interface Topics {
  readonly input: string;
  readonly changelog: string;
}

/**
 * What this process knows of the state of all partitions, since its start. If changelog and offset of a partition are
 * gone, a take-over looks like a first start. But only the start of a process checks whether companies were announced
 * before, so a partition must not begin again later.
 */
export class KnownState {
  readonly #partitions = new Set<number>();
  readonly #endBeforeProof = new Map<number, number>();

  /** @param changelogId the topic id of the changelog that the start has checked; null if the brokers have no ids */
  constructor(private readonly changelogId: string | null) {}

  /** The changelog of `partition` has a position. */
  note(partition: number): void {
    this.#partitions.add(partition);
  }

  /**
   * Remembers where the changelog ended before a proof, until the folder was compared with that end. If the take-over fails
   * in between, the changelog has grown by the proof at the next one, and may reach the folder's position again.
   */
  noteProof(partition: number, changelogEnd: number): void {
    const known = this.#endBeforeProof.get(partition) ?? changelogEnd;
    this.#endBeforeProof.set(partition, Math.min(known, changelogEnd));
  }

  /** Undefined if the folder was compared with the changelog after the last proof. */
  endBeforeProof(partition: number): number | undefined {
    return this.#endBeforeProof.get(partition);
  }

  /** Call it when the folder was compared with the changelog. */
  forgetProof(partition: number): void {
    this.#endBeforeProof.delete(partition);
  }

  /**
   * Call it if the state of `partition` has no position.
   * @throws InconsistentPositionError if it had one, or if the start has checked another changelog
   */
  mustBeFirstStart({ input, changelog }: Topics, partition: number, { topicId }: Pick<LogBounds, 'topicId'>): void {
    const isOther = this.changelogId !== null && topicId !== null && topicId !== this.changelogId;
    if (!isOther && !this.#partitions.has(partition)) return;
    throw new InconsistentPositionError(
      `partition ${input}/${partition} is blocked (no state): its changelog ${changelog} ` +
        `${isOther ? 'was created again' : 'has lost its state'} since this process started, and the group's offset is ` +
        'gone, so companies would be announced again. Stop all instances, and follow all steps of "The changelog is lost" ' +
        'in docs/operations.md: remove every STATE_DIR, create the topic again, mark the companies that were announced, and ' +
        `run \`${commandToSet(partition, 'log-start')}\` with the settings of this instance, which consents to the rest`,
    );
  }
}
