/** Which faults a run has, and when: a pure function of the seed. */
import { SeededRandom } from '../seeded-random.js';

interface FaultKindPlan {
  readonly on: 'instance' | 'broker' | 'registry';
  /** How long it lasts, in milliseconds: at least and at most. */
  readonly lasts: readonly [least: number, most: number];
  /** About how long its healing takes. Until then, the same process gets no other fault. */
  readonly healsMs: number;
  /** Its cards in the deck. */
  readonly cards: number;
}

/**
 * An instance loses its session after 10 s (DEFAULT_SESSION_TIMEOUT_MS of `src/kafka/group`). A shorter freeze would
 * not let another instance take over.
 */
const SESSION_MS = 10_000;
/** `broker.session.timeout.ms` of test clusters: then the others elect new leaders. */
const BROKER_SESSION_MS = 4_000;

export const KINDS = {
  'instance killed': { on: 'instance', lasts: [0, 8_000], healsMs: 3_000, cards: 2 },
  'instance frozen': { on: 'instance', lasts: [SESSION_MS + 1_000, SESSION_MS + 8_000], healsMs: 2_000, cards: 2 },
  'state lost': { on: 'instance', lasts: [0, 5_000], healsMs: 4_000, cards: 1 },
  'older state': { on: 'instance', lasts: [4_000, 12_000], healsMs: 4_000, cards: 1 },
  'broker killed': { on: 'broker', lasts: [0, 8_000], healsMs: 8_000, cards: 2 },
  'broker frozen': {
    on: 'broker',
    lasts: [BROKER_SESSION_MS + 1_000, BROKER_SESSION_MS + 8_000],
    healsMs: 5_000,
    cards: 1,
  },
  'brokers rolled': { on: 'broker', lasts: [15_000, 25_000], healsMs: 10_000, cards: 1 },
  'registry down': { on: 'registry', lasts: [2_000, 12_000], healsMs: 6_000, cards: 1 },
} as const satisfies Readonly<Record<string, FaultKindPlan>>;

export type FaultKind = keyof typeof KINDS;
export const FAULT_KINDS = Object.keys(KINDS) as readonly FaultKind[];

export interface Fault {
  readonly kind: FaultKind;
  /** Milliseconds after the begin of the load. */
  readonly atMs: number;
  readonly forMs: number;
  /** The index of the instance or broker. */
  readonly target: number;
}

export interface Plan {
  /** Instances of the group, 1 to 4. */
  readonly instances: number;
  /** NUM_STANDBY of each instance. */
  readonly standbys: number;
  /** Whether a fault may begin while another is under way. */
  readonly isOverlapping: boolean;
  /** In the order of their begin. */
  readonly faults: readonly Fault[];
}

export interface PlanOptions {
  readonly seed: number;
  readonly seconds: number;
  /** Only these kinds. */
  readonly kinds: readonly FaultKind[];
}

export const BROKERS = 3;
const MOST_INSTANCES = 4;
const BETWEEN_BEGINS_MS = [500, 5_000] as const;
const CALM_MS = [500, 2_500] as const;
/** The share of seeds whose faults overlap. They have about three times as many faults. */
const OVERLAPPING = 0.7;

export function planOf({ seed, seconds, kinds }: PlanOptions): Plan {
  const random = new SeededRandom(seed);
  const instances = random.integer(1, MOST_INSTANCES);
  const standbys = random.integer(0, 1);
  const isOverlapping = random.chance(OVERLAPPING);
  const faults: Fault[] = [];
  const freeAt = new Map<string, number>();
  let deck: FaultKind[] = [];
  for (let atMs = random.integer(...CALM_MS); atMs < seconds * 1_000;) {
    if (deck.length === 0) deck = shuffled(kinds, random);
    const kind = deck.pop() as FaultKind;
    const { lasts, healsMs, on } = KINDS[kind];
    const forMs = random.integer(lasts[0], lasts[1]);
    const target = random.integer(0, on === 'instance' ? instances - 1 : on === 'broker' ? BROKERS - 1 : 0);
    const lane = laneOf({ kind, target });
    const fault: Fault = { kind, atMs: Math.max(atMs, freeAt.get(lane) ?? 0), forMs, target };
    if (fault.atMs < seconds * 1_000) faults.push(fault);
    const healedAt = fault.atMs + forMs + healsMs;
    freeAt.set(lane, healedAt);
    atMs = isOverlapping ? atMs + random.integer(...BETWEEN_BEGINS_MS) : healedAt + random.integer(...CALM_MS);
  }
  return { instances, standbys, isOverlapping, faults: faults.sort((a, b) => a.atMs - b.atMs) };
}

/**
 * Two faults of one lane never overlap. All brokers are one lane: two of three must stay up, or nothing can be written.
 */
export function laneOf({ kind, target }: Pick<Fault, 'kind' | 'target'>): string {
  const { on } = KINDS[kind];
  return on === 'instance' ? `instance ${target}` : on;
}

/** All cards of the deck, in random order, so that no kind is left out for long. */
function shuffled(kinds: readonly FaultKind[], random: SeededRandom): FaultKind[] {
  const cards = kinds.flatMap((kind) => Array.from({ length: KINDS[kind].cards }, () => kind));
  for (let last = cards.length - 1; last > 0; last--) {
    const other = random.integer(0, last);
    [cards[last], cards[other]] = [cards[other] as FaultKind, cards[last] as FaultKind];
  }
  return cards;
}
