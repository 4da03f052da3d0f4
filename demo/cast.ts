/** The companies of the demo, each with its situation, and the choices of the clients that own them. */
import { CompanyScript } from './company-script.js';
import type { PlatformEncoder, TriggerChoice } from '../testkit/platform-events.js';
import type { SeededRandom } from '../testkit/seeded-random.js';
import { ALL_SITUATIONS } from './situations/all-situations.js';
import type { ClientKind, Situation } from './situations/situation.js';

export interface CastMember {
  readonly situation: Situation;
  readonly script: CompanyScript;
}

/** A record of `client-settings`; null is a tombstone. */
export interface ClientChoice {
  readonly clientId: string;
  readonly choice: TriggerChoice | null;
}

export interface Cast {
  readonly members: readonly CastMember[];
  /** Written before the processor starts, so they apply to its first event. */
  readonly choicesBefore: readonly ClientChoice[];
  /** Written while events are being written. */
  readonly choicesMidway: readonly ClientChoice[];
}

/** The fewest companies with which each situation is played. */
export const FEWEST_COMPANIES = ALL_SITUATIONS.length;

const COMPANIES_PER_CLIENT = 8;

/** The clients' choices: before the first event, and while events are being written. */
const CHOICES: Readonly<Record<ClientKind, { readonly before: Choices; readonly midway: Choices }>> = {
  'no choice': { before: [], midway: [] },
  'chose FIRST_DATASET': { before: ['FIRST_DATASET'], midway: [] },
  'chose ALL_DATASETS': { before: ['ALL_DATASETS'], midway: [] },
  'chose ALL_DATASETS and withdrew it': { before: ['ALL_DATASETS', null], midway: [] },
  'chooses ALL_DATASETS midway': { before: [], midway: ['ALL_DATASETS'] },
  'withdraws ALL_DATASETS midway': { before: ['ALL_DATASETS'], midway: [null] },
};
type Choices = readonly (TriggerChoice | null)[];

/** @param occurredAt the `occurredAt` of events, milliseconds since the epoch */
export function buildCast(companies: number, random: SeededRandom, encoder: PlatformEncoder, occurredAt: number): Cast {
  const clients = new Clients(random);
  const members = situationsFor(companies, random).map((situation): CastMember => {
    const clientId = clients.clientOf(situation.client);
    const companyId = random.uuid();
    const company = { companyId, clientId, companyName: `Company ${companyId.slice(0, 4)}` };
    const script = new CompanyScript(company, random, encoder, occurredAt);
    situation.play(script);
    return { situation, script };
  });
  return { members, choicesBefore: clients.choices('before'), choicesMidway: clients.choices('midway') };
}

/** First each situation once, then situations at random according to their weights. */
function situationsFor(companies: number, random: SeededRandom): Situation[] {
  if (companies < FEWEST_COMPANIES)
    throw new RangeError(`${ALL_SITUATIONS.length} situations need as many companies, not ${companies}`);
  const urn = ALL_SITUATIONS.flatMap((situation) => Array<Situation>(situation.weight).fill(situation));
  const others = Array.from({ length: companies - ALL_SITUATIONS.length }, () => random.pick(urn));
  return [...ALL_SITUATIONS, ...others];
}

class Clients {
  readonly #random: SeededRandom;
  readonly #byKind = new Map<ClientKind, string[]>();
  readonly #companies = new Map<string, number>();

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  clientOf(kind: ClientKind): string {
    const clients = this.#byKind.get(kind) ?? [];
    this.#byKind.set(kind, clients);
    const latest = clients.at(-1);
    const taken = latest === undefined ? COMPANIES_PER_CLIENT : (this.#companies.get(latest) ?? 0);
    const clientId = latest === undefined || taken >= COMPANIES_PER_CLIENT ? this.#random.uuid() : latest;
    if (clientId !== latest) clients.push(clientId);
    this.#companies.set(clientId, (this.#companies.get(clientId) ?? 0) + 1);
    return clientId;
  }

  choices(when: 'before' | 'midway'): ClientChoice[] {
    return [...this.#byKind].flatMap(([kind, clientIds]) =>
      clientIds.flatMap((clientId) => CHOICES[kind][when].map((choice) => ({ clientId, choice }))),
    );
  }
}
