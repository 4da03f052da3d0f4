/**
 * Seeded histories: what the platform and its producers write to the input. Most companies are plausible; each has some
 * chance of every irregularity that the rules know.
 */
import type { Header } from '../../../src/lib/record.js';
import type { Policy } from '../../../src/domain/policy.js';
import type { SeededRandom } from '../../seeded-random.js';
import { includes, type LeftOut } from '../left-out.js';
import { framed } from './codecs.js';
import type { NewEntry } from './model-log.js';
import { ALL_DATASETS_FROM } from './world.js';

/** A record of the future. A repair names offsets, so it is made when it is written. */
export interface Draft {
  /** @param now its timestamp, unless it is an old record */
  make(now: number): NewEntry;
  written(offset: number): void;
}

const CLIENTS = ['client-1', 'client-2', 'client-3'];
const PROGRESS = ['Initial', 'Queued', 'Fetching', 'Mapping', 'Validating', 'Exploded'];
const FAILURES = ['FetchError', 'AuthError', 'RoutingError', 'PrerequisiteNotMet'];
const ENDED = ['Cancelled', 'NotSupported'];

/** Each client's own choice. */
export function choicesOf(random: SeededRandom): ReadonlyMap<string, Policy> {
  const choices = new Map<string, Policy>();
  for (const client of CLIENTS)
    if (random.chance(0.5)) choices.set(client, random.pick(['FIRST_DATASET', 'ALL_DATASETS']));
  return choices;
}

/**
 * The records of all companies of a partition, mixed; those of one company stay in their order.
 * @param first the number of the first company
 */
export function historyOf(random: SeededRandom, partition: number, first = 0, count = random.integer(2, 8)): Draft[] {
  const company = (i: number) => new CompanyHistory(random, `company-${first + i}`, partition);
  const queues = Array.from({ length: count }, (_, i) => company(i).drafts());
  const mixed: Draft[] = [];
  const waiting = () => queues.filter((queue) => queue.length > 0);
  for (let left = waiting(); left.length > 0; left = waiting()) mixed.push(random.pick(left).shift() as Draft);
  return mixed;
}

/** A record with its number in its run, which it keeps if others are left out. */
export interface PlannedRecord {
  readonly number: number;
  readonly draft: Draft;
  readonly afterMs: number;
}

/**
 * Spreads a history over this time, in its order.
 *
 * @param before how many records other histories of the run have before this one
 * @returns without the records that are left out
 */
export function planRecords(
  random: SeededRandom,
  history: readonly Draft[],
  writingMs: number,
  leftOut: LeftOut,
  before = 0,
): PlannedRecord[] {
  const times = history.map(() => random.integer(0, writingMs)).sort((a, b) => a - b);
  return history
    .map((draft, i) => ({ number: before + i + 1, draft, afterMs: times[i] ?? 0 }))
    .filter(({ number }) => !includes(leftOut.records, number));
}

/** Instances recover in this time from the last faults. Later, each record costs as much, and meets nothing new. */
const REST_MS = 5_000;

/**
 * When a record is written that was planned for `afterMs`: after the last fault, the rest of a history follows within
 * REST_MS. So a run spends little time on what meets no fault.
 */
export function hurried(afterMs: number, writingMs: number, faultyMs: number): number {
  const speed = Math.max(1, (writingMs - faultyMs) / REST_MS);
  return Math.min(afterMs, Math.ceil(faultyMs + (afterMs - faultyMs) / speed));
}

class CompanyHistory {
  readonly #drafts: Draft[] = [];
  /** Offsets of bad records that no repair names yet. */
  readonly #bad: number[] = [];
  readonly #isOld: boolean;
  readonly #clientId: string;

  constructor(
    private readonly random: SeededRandom,
    private readonly companyId: string,
    private readonly partition: number,
  ) {
    this.#isOld = random.chance(0.25);
    this.#clientId = random.pick(CLIENTS);
  }

  drafts(): Draft[] {
    const { random } = this;
    const lives = random.integer(1, 3);
    for (let life = 0; life < lives; life++) this.#link(`link-${life}`, `connection-${random.integer(1, 2)}`);
    if (random.chance(0.15))
      this.#insert(this.#event('ConnectionUnlinked', { connectionId: `connection-${random.integer(1, 3)}` }));
    if (random.chance(0.04)) this.#insert(this.#event('CompanyDeleted', {}));
    if (random.chance(0.03)) this.#insert(this.#event('AnnouncedElsewhere', { by: 'another system' }));
    for (let bad = random.pick([0, 0, 0, 1, 2]); bad > 0; bad--) this.#bads();
    for (let i = random.integer(0, 2); i > 0 && this.#drafts.length > 0; i--) this.#insert(random.pick(this.#drafts)); // The same record again.
    return this.#drafts;
  }

  /** A link with its manifest, in one or two parts, and the statuses of its datasets, in any order. */
  #link(linkId: string, connectionId: string): void {
    const { random } = this;
    const ids = Array.from({ length: random.integer(0, 4) }, () => `dataset-${random.integer(1, 6)}`);
    const datasets = ids.map((datasetId) => ({ datasetId, dataType: 'invoices' }));
    const cut = random.chance(0.3) ? random.integer(0, datasets.length) : 0;
    const link = { linkId, connectionId, sourceType: random.pick(['a', 'b']), companyName: `name of ${linkId}` };
    const part = (from: number, to?: number, isFinal = true) =>
      this.#event('LinkSyncQueued', { ...link, datasets: datasets.slice(from, to), isFinal });
    const drafts: Draft[] = cut > 0 ? [part(0, cut, false)] : [];
    if (random.chance(0.93)) drafts.push(part(cut));
    for (const datasetId of ids) {
      const statuses = this.#statuses(datasetId);
      // Some come before the manifest.
      for (const status of statuses)
        drafts.splice(random.chance(0.1) ? 0 : random.integer(drafts.length - 1, drafts.length), 0, status);
    }
    this.#drafts.push(...drafts);
  }

  #statuses(datasetId: string): Draft[] {
    const { random } = this;
    const words = Array.from({ length: random.integer(0, 2) }, () => random.pick(PROGRESS));
    if (random.chance(0.95)) words.push(random.chance(0.75) ? 'Complete' : random.pick([...FAILURES, ...ENDED]));
    if (random.chance(0.1)) words.push(random.pick(PROGRESS), 'Complete');
    let revision = random.chance(0.5) ? random.integer(0, 3) : null;
    return words.map((status) => {
      if (revision !== null) revision += random.pick([1, 1, 1, 0, -1]);
      const trigger = random.pick(['LINK', 'LINK', 'LINK', 'LINK', 'LINK', 'REFRESH', 'UNKNOWN']);
      return this.#event('DatasetStatusChanged', {
        datasetId,
        connectionId: 'connection-1',
        dataType: 'invoices',
        status,
        trigger,
        revision,
        errorMessage: null,
      });
    });
  }

  /** A bad record, and later perhaps its repair: a good record that names it. */
  #bads(): void {
    const { random } = this;
    const good = framed('syncEvent', this.#value('CompanyDeleted', {}));
    const key = Buffer.from(random.chance(0.1) ? '' : this.companyId);
    const value = random.pick([
      Buffer.from('no framing'),
      good.subarray(0, good.length - random.integer(1, 10)),
      Buffer.concat([Buffer.of(0, 0, 0, 0, 99), good.subarray(5)]),
      framed('syncEvent', { ...this.#value('CompanyDeleted', {}), companyId: 'another company' }),
    ]);
    const headers = [{ key: 'origin', value: Buffer.from('a producer') }];
    const bad = this.#draft(() => ({ key, value, headers }));
    const at = this.#insert({ ...bad, written: (offset) => this.#bad.push(offset) });
    if (!random.chance(0.75)) return;
    const repaired = random.pick(this.#drafts);
    const most = random.integer(1, 2);
    const repair = {
      ...repaired,
      make: (now: number) => {
        const made = repaired.make(now);
        const named = this.#bad.splice(0, most).map((offset) => repairsHeader(this.partition, offset));
        return { ...made, headers: [...made.headers, ...named] };
      },
    };
    this.#drafts.splice(random.integer(at + 1, this.#drafts.length), 0, repair);
  }

  /** @returns where the draft comes */
  #insert(draft: Draft): number {
    const at = this.random.integer(0, this.#drafts.length);
    this.#drafts.splice(at, 0, draft);
    return at;
  }

  #event(type: string, fields: object): Draft {
    const value = framed('syncEvent', this.#value(type, fields));
    const key = Buffer.from(this.companyId);
    return this.#draft(() => ({ key, value, headers: [] }));
  }

  #value(type: string, fields: object): object {
    const payload = { [`companysync.${type}`]: fields };
    return { eventId: 'event', companyId: this.companyId, clientId: this.#clientId, occurredAt: 0, payload };
  }

  #draft(content: () => Omit<NewEntry, 'timestamp'>): Draft {
    const isUndated = this.random.chance(0.01);
    const make = (now: number): NewEntry => ({
      ...content(),
      timestamp: isUndated ? -1 : this.#isOld ? ALL_DATASETS_FROM - 1_000 : now,
    });
    return { make, written: () => undefined };
  }
}

function repairsHeader(partition: number, offset: number): Header {
  return { key: 'repairs', value: Buffer.from(`${partition}/${offset}`) };
}
