/** The faults that are on now. A run begins and ends in good weather. */
import type { CommittedOffset, LogBounds } from '../../../src/pipeline/ports.js';
import type { SeededRandom } from '../../seeded-random.js';

/** What a broker knew when it was cut off from the others. */
export interface OldView {
  readonly bounds: ReadonlyMap<string, LogBounds>;
  readonly committed: CommittedOffset | null;
  readonly isPending: boolean;
  readonly byMost: boolean;
}

export class Weather {
  brokersAreDown = false;
  /** More than half of the brokers answer. */
  mostAnswer = true;
  #oldView: OldView | null = null;
  /** Some answers of this run came from a broker that was cut off. */
  hadOldView = false;
  registryIsDown = false;
  throttledMs = 0;
  /** The outcome of the next commit is unknown to its producer: it took effect, or not. */
  nextCommit: 'request lost' | 'answer lost' | null = null;
  /** Where the changelog loses the end of the next commit that has two rows at least; null if it loses nothing. */
  cutBy: SeededRandom | null = null;
  /** How often a single call is lost. */
  lossRate = 0;
  #maxLatencyMs = 3;
  readonly #maxDiskMs: number;

  constructor(private readonly random: SeededRandom) {
    this.#maxDiskMs = random.pick([1, 1, 5, 30]);
  }

  /** All answers about offsets come from a broker that is cut off; null if none do. */
  get oldView(): OldView | null {
    return this.#oldView;
  }

  set oldView(view: OldView | null) {
    this.#oldView = view;
    this.hadOldView ||= view !== null;
  }

  /** From now on nothing fails. */
  clear(): void {
    this.brokersAreDown = false;
    this.mostAnswer = true;
    this.oldView = null;
    this.registryIsDown = false;
    this.throttledMs = 0;
    this.nextCommit = null;
    this.cutBy = null;
    this.lossRate = 0;
    this.#maxLatencyMs = 3;
  }

  becomeSlow(maxLatencyMs: number): void {
    this.#maxLatencyMs = maxLatencyMs;
  }

  losesRequest(name: string): boolean {
    return this.#loses(name, 'request lost');
  }

  losesAnswer(name: string): boolean {
    return this.#loses(name, 'answer lost');
  }

  latencyMs(): number {
    return this.random.integer(0, this.#maxLatencyMs);
  }

  diskMs(): number {
    return this.random.integer(0, this.#maxDiskMs);
  }

  #loses(name: string, what: 'request lost' | 'answer lost'): boolean {
    if (name === 'commit' && this.nextCommit === what) {
      this.nextCommit = null;
      return true;
    }
    return this.lossRate > 0 && this.random.chance(this.lossRate / 2);
  }
}
