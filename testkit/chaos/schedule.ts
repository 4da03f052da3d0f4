/** Which faults a run has, and when: a pure function of the seed. */
import { SeededRandom } from '../seeded-random.js';

interface FaultKindPlan {
  readonly on: 'instance' | 'two instances' | 'broker' | 'registry' | 'client id';
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
  'swapped state': { on: 'two instances', lasts: [0, 5_000], healsMs: 4_000, cards: 1 },
  'disk full': { on: 'instance', lasts: [3_000, 12_000], healsMs: 4_000, cards: 1 },
  'broker killed': { on: 'broker', lasts: [0, 8_000], healsMs: 8_000, cards: 2 },
  'broker frozen': {
    on: 'broker',
    lasts: [BROKER_SESSION_MS + 1_000, BROKER_SESSION_MS + 8_000],
    healsMs: 5_000,
    cards: 1,
  },
  'brokers rolled': { on: 'broker', lasts: [15_000, 25_000], healsMs: 10_000, cards: 1 },
  'broker cut off': {
    on: 'broker',
    lasts: [BROKER_SESSION_MS + 1_000, BROKER_SESSION_MS + 8_000],
    healsMs: 8_000,
    cards: 1,
  },
  'brokers cut apart': { on: 'broker', lasts: [2_000, 10_000], healsMs: 8_000, cards: 1 },
  'group coordinator moved': { on: 'broker', lasts: [0, 5_000], healsMs: 4_000, cards: 1 },
  'transaction coordinators moved': { on: 'broker', lasts: [0, 5_000], healsMs: 4_000, cards: 1 },
  'registry down': { on: 'registry', lasts: [2_000, 12_000], healsMs: 6_000, cards: 1 },
  quota: { on: 'client id', lasts: [4_000, 15_000], healsMs: 4_000, cards: 1 },
} as const satisfies Readonly<Record<string, FaultKindPlan>>;

export type FaultKind = keyof typeof KINDS;
export const FAULT_KINDS = Object.keys(KINDS) as readonly FaultKind[];

export interface Fault {
  readonly kind: FaultKind;
  /** Milliseconds after the begin of the load. */
  readonly atMs: number;
  readonly forMs: number;
  /** The index of the instance or broker. A fault of two instances or brokers also has the next one. */
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
  const drawn = random.integer(1, MOST_INSTANCES);
  const instances = kinds.every(needsTwo) ? Math.max(2, drawn) : drawn;
  const possible = kinds.filter((kind) => instances > 1 || !needsTwo(kind));
  const standbys = random.integer(0, 1);
  const isOverlapping = random.chance(OVERLAPPING);
  const faults: Fault[] = [];
  const freeAt = new Map<string, number>();
  let deck: FaultKind[] = [];
  for (let atMs = random.integer(...CALM_MS); atMs < seconds * 1_000;) {
    if (deck.length === 0) deck = shuffled(possible, random);
    const kind = deck.pop() as FaultKind;
    const { lasts, healsMs, on } = KINDS[kind];
    const forMs = random.integer(lasts[0], lasts[1]);
    const target = random.integer(0, targetsOf(on, instances) - 1);
    const lanes = lanesOf({ kind, target }, instances);
    const laneFreeAt = Math.max(...lanes.map((lane) => freeAt.get(lane) ?? 0));
    const fault: Fault = { kind, atMs: Math.max(atMs, laneFreeAt), forMs, target };
    if (fault.atMs < seconds * 1_000) faults.push(fault);
    const healedAt = fault.atMs + forMs + healsMs;
    for (const lane of lanes) freeAt.set(lane, healedAt);
    atMs = isOverlapping ? atMs + random.integer(...BETWEEN_BEGINS_MS) : healedAt + random.integer(...CALM_MS);
  }
  return { instances, standbys, isOverlapping, faults: faults.sort((a, b) => a.atMs - b.atMs) };
}

/**
 * Two faults of one lane never overlap. All brokers are one lane: two of three must stay up, or nothing can be written.
 */
export function lanesOf({ kind, target }: Pick<Fault, 'kind' | 'target'>, instances: number): readonly string[] {
  const { on } = KINDS[kind];
  switch (on) {
    case 'instance':
      return [`instance ${target}`];
    case 'two instances':
      return [`instance ${target}`, `instance ${after(target, instances)}`];
    case 'broker':
    case 'registry':
    case 'client id':
      return [on];
  }
}

/** The index of the other instance or broker of a fault that has two. */
export function after(target: number, count: number): number {
  return (target + 1) % count;
}

function needsTwo(kind: FaultKind): boolean {
  return KINDS[kind].on === 'two instances';
}

function targetsOf(on: FaultKindPlan['on'], instances: number): number {
  switch (on) {
    case 'instance':
    case 'two instances':
      return instances;
    case 'broker':
      return BROKERS;
    case 'registry':
    case 'client id':
      return 1;
  }
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
