/**
 * The records that benches feed the processor: companies being synced for the first time, many at once.
 *
 * Each company has one manifest, then the status changes of its datasets in any order of the datasets. Records of
 * companies in flight are mixed at random. So the records of one company are far apart, and the processor's cache must
 * hold all companies in flight.
 */
import { randomUUID } from 'node:crypto';
import type { PlatformEncoder, PlatformPayload } from '../../testkit/platform-events.js';
import type { SeededRandom } from '../../testkit/seeded-random.js';

export interface WorkloadRecord {
  readonly key: string;
  readonly value: Buffer;
  /** True if the record completes its company: the processor then announces the company. */
  readonly completes: boolean;
}

export interface WorkloadShape {
  readonly companies: number;
  /** The number of companies in flight: their first record was written, and their last was not. Smaller at the end. */
  readonly inFlight: number;
  readonly datasetsPerCompany: number;
  /** The statuses of each dataset, in order; the last one is Complete. */
  readonly statuses: readonly string[];
}

export const USUAL_STATUSES: readonly string[] = ['Fetching', 'Mapping', 'Processing', 'Complete'];

const CLIENTS = 50;
const DATA_TYPES = [
  ...['invoices', 'bills', 'customers', 'suppliers', 'accounts', 'payments', 'journalEntries', 'taxRates'],
  ...['bankAccounts', 'banking-transactions', 'commerce-orders', 'commerce-products'],
];

export function recordsPerCompany({ datasetsPerCompany, statuses }: WorkloadShape): number {
  return 1 + datasetsPerCompany * statuses.length;
}

/** All records of all companies, in the order in which they are written. */
export function* workload(
  shape: WorkloadShape,
  encoder: PlatformEncoder,
  random: SeededRandom,
): IterableIterator<WorkloadRecord> {
  const clients = Array.from({ length: CLIENTS }, () => randomUUID());
  const newCompany = () => new SyncingCompany(shape, encoder, random, random.pick(clients));
  let left = shape.companies;
  const inFlight = Array.from({ length: Math.min(left, shape.inFlight) }, newCompany);
  left -= inFlight.length;
  while (inFlight.length > 0) {
    const at = random.integer(0, inFlight.length - 1);
    const record = (inFlight[at] as SyncingCompany).next();
    yield record;
    if (!record.completes) continue;
    if (left > 0) {
      inFlight[at] = newCompany();
      left--;
    } else {
      const last = inFlight.pop() as SyncingCompany;
      if (at < inFlight.length) inFlight[at] = last;
    }
  }
}

interface SyncingDataset {
  readonly datasetId: string;
  readonly dataType: string;
  /** Index of the next status; also one less than its revision. */
  next: number;
}

class SyncingCompany {
  readonly #companyId = randomUUID();
  readonly #connectionId = randomUUID();
  readonly #unfinished: SyncingDataset[];
  #hasManifest = false;

  constructor(
    private readonly shape: WorkloadShape,
    private readonly encoder: PlatformEncoder,
    private readonly random: SeededRandom,
    private readonly clientId: string,
  ) {
    this.#unfinished = Array.from({ length: shape.datasetsPerCompany }, () => ({
      datasetId: randomUUID(),
      dataType: random.pick(DATA_TYPES),
      next: 0,
    }));
  }

  next(): WorkloadRecord {
    if (!this.#hasManifest) return this.#manifest();
    const at = this.random.integer(0, this.#unfinished.length - 1);
    const dataset = this.#unfinished[at] as SyncingDataset;
    const { datasetId, dataType } = dataset;
    const status = this.shape.statuses[dataset.next++] as string;
    if (dataset.next === this.shape.statuses.length) this.#unfinished.splice(at, 1);
    return this.#record({
      'companysync.DatasetStatusChanged': {
        datasetId,
        dataType,
        status,
        connectionId: this.#connectionId,
        trigger: 'LINK',
        revision: dataset.next,
        errorMessage: null,
      },
    });
  }

  #manifest(): WorkloadRecord {
    this.#hasManifest = true;
    return this.#record({
      'companysync.LinkSyncQueued': {
        linkId: randomUUID(),
        connectionId: this.#connectionId,
        sourceType: 'accounting',
        companyName: 'Example Trading Ltd',
        datasets: this.#unfinished.map(({ datasetId, dataType }) => ({ datasetId, dataType })),
        isFinal: true,
      },
    });
  }

  #record(payload: PlatformPayload): WorkloadRecord {
    const { clientId } = this;
    const companyId = this.#companyId;
    const event = { eventId: randomUUID(), companyId, clientId, occurredAt: Date.now(), payload };
    return { key: companyId, value: this.encoder.event(event), completes: this.#unfinished.length === 0 };
  }
}
