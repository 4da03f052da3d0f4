import type { PlatformEncoder, PlatformPayload, QueuedDataset } from '../testkit/platform-events.js';
import type { SeededRandom } from '../testkit/seeded-random.js';

/** One record that will be written to `sync-events`. The same object twice in a script is an exact duplicate. */
export interface ScriptedRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
  /** Stamped before ALL_DATASETS_FROM, or after it. */
  readonly era: Era;
  /** Bad records that this one replaces: it gets a `repairs` header for each. They come earlier in the script. */
  readonly repairs: readonly ScriptedRecord[];
}

export type Era = 'before' | 'after';

export interface ScriptedDataset extends QueuedDataset {
  readonly connectionId: string;
}

export interface ScriptedLink {
  readonly linkId: string;
  readonly connectionId: string;
  readonly sourceType: string;
  readonly datasets: readonly ScriptedDataset[];
}

export interface ScriptedCompany {
  readonly companyId: string;
  readonly clientId: string;
  readonly companyName: string;
}

const SOURCE_TYPES = ['accounting', 'banking', 'commerce', 'expenses'];
const DATA_TYPES = [
  'invoices',
  'bills',
  'bankAccounts',
  'bankTransactions',
  'customers',
  'suppliers',
  'journalEntries',
  'balanceSheet',
  'banking-transactions',
  'commerce-orders',
];
const STEPS = ['Queued', 'Fetching', 'MapQueued', 'Mapping', 'ProcessingQueued', 'Processing', 'Validating'];
const FAILURES = ['FetchError', 'MapError', 'ValidationError', 'AuthError', 'RateLimitError', 'PrerequisiteNotMet'];
const ENDINGS_WITHOUT_DATA = ['Cancelled', 'NotSupported'];

/** The records that the platform writes about one company, in order. The files in `situations/` fill it. */
export class CompanyScript {
  readonly records: ScriptedRecord[] = [];
  era: Era = 'after';
  /** Whether the script starts at the very beginning, because the processor needs much time for it. */
  urgent = false;

  readonly company: ScriptedCompany;
  readonly random: SeededRandom;
  readonly encoder: PlatformEncoder;
  readonly #occurredAt: number;
  /** Whether the platform numbers the changes of this company's datasets. */
  readonly #numbered: boolean;
  readonly #traced: boolean;
  readonly #revisions = new Map<string, number>();

  constructor(company: ScriptedCompany, random: SeededRandom, encoder: PlatformEncoder, occurredAt: number) {
    this.company = company;
    this.random = random;
    this.encoder = encoder;
    this.#occurredAt = occurredAt;
    this.#numbered = random.chance(0.6);
    this.#traced = random.chance(0.2);
  }

  /** A link without a record so far: `manifest` adds the record. */
  link(datasetCount: number, of: { readonly connectionId?: string } = {}): ScriptedLink {
    const connectionId = of.connectionId ?? this.random.uuid();
    const datasets = Array.from({ length: datasetCount }, () => ({
      datasetId: this.random.uuid(),
      dataType: this.random.pick(DATA_TYPES),
      connectionId,
    }));
    return { linkId: this.random.uuid(), connectionId, sourceType: this.random.pick(SOURCE_TYPES), datasets };
  }

  manifest(
    link: ScriptedLink,
    part: {
      readonly datasets?: readonly ScriptedDataset[];
      readonly isFinal?: boolean;
      readonly repairs?: readonly ScriptedRecord[];
    } = {},
  ): ScriptedRecord {
    const { linkId, connectionId, sourceType } = link;
    const datasets = (part.datasets ?? link.datasets).map(({ datasetId, dataType }) => ({ datasetId, dataType }));
    const { companyName } = this.company;
    const manifest = { linkId, connectionId, sourceType, companyName, datasets, isFinal: part.isFinal ?? true };
    return this.event({ 'companysync.LinkSyncQueued': manifest }, part.repairs);
  }

  status(
    dataset: ScriptedDataset,
    status: string,
    more: {
      readonly trigger?: 'LINK' | 'REFRESH' | 'UNKNOWN';
      /** The revision to use instead of the dataset's next one. */
      readonly revision?: number | null;
      readonly repairs?: readonly ScriptedRecord[];
    } = {},
  ): ScriptedRecord {
    const changed = {
      ...dataset,
      status,
      trigger: more.trigger ?? 'LINK',
      revision: more.revision === undefined ? this.#nextRevision(dataset.datasetId) : more.revision,
      errorMessage: status.endsWith('Error') ? 'the source gave an invalid answer' : null,
    };
    return this.event({ 'companysync.DatasetStatusChanged': changed }, more.repairs);
  }

  unlink({ connectionId }: ScriptedLink): ScriptedRecord {
    return this.event({ 'companysync.ConnectionUnlinked': { connectionId } });
  }

  deleteCompany(): ScriptedRecord {
    return this.event({ 'companysync.CompanyDeleted': {} });
  }

  /** A record with any content. */
  raw(key: Buffer | null, value: Buffer | null, repairs: readonly ScriptedRecord[] = []): ScriptedRecord {
    return this.#write({ key, value, headers: this.#headers(), era: this.era, repairs });
  }

  /** Adds exactly the same record again. */
  again(record: ScriptedRecord): void {
    this.records.push(record);
  }

  /** The pulls of the datasets, interleaved. Each goes through a few steps to its final status. */
  pull(datasets: readonly ScriptedDataset[], endingOf: (dataset: ScriptedDataset) => string): void {
    const left = datasets.map((dataset) => ({ dataset, words: [...this.#steps(), endingOf(dataset)] }));
    while (left.length > 0) {
      const at = this.random.integer(0, left.length - 1);
      const { dataset, words } = left[at] as (typeof left)[number];
      const word = words.shift();
      if (word !== undefined) this.status(dataset, word);
      if (words.length === 0) left.splice(at, 1);
    }
  }

  /** The pulls of all datasets. The first one always ends with Complete, the others usually do. */
  pullToEnd(datasets: readonly ScriptedDataset[]): void {
    this.pull(datasets, (dataset) => (dataset === datasets[0] ? 'Complete' : this.anyEnding()));
  }

  anyEnding(): string {
    return this.random.chance(0.8) ? 'Complete' : this.badEnding();
  }

  badEnding(): string {
    return this.random.pick(this.random.chance(0.7) ? FAILURES : ENDINGS_WITHOUT_DATA);
  }

  /** The bytes of an event of this company that is not written. */
  encode(payload: PlatformPayload, companyId = this.company.companyId): Buffer {
    const { clientId } = this.company;
    return this.encoder.event({
      eventId: this.random.uuid(),
      companyId,
      clientId,
      occurredAt: this.#occurredAt,
      payload,
    });
  }

  event(payload: PlatformPayload, repairs: readonly ScriptedRecord[] = []): ScriptedRecord {
    const key = Buffer.from(this.company.companyId);
    return this.#write({ key, value: this.encode(payload), headers: this.#headers(), era: this.era, repairs });
  }

  #write(record: ScriptedRecord): ScriptedRecord {
    this.records.push(record);
    return record;
  }

  #headers(): Record<string, string> {
    return this.#traced ? { traceparent: `00-${this.random.hex(32)}-${this.random.hex(16)}-01` } : {};
  }

  #steps(): string[] {
    const first = this.random.integer(0, STEPS.length - 1);
    return STEPS.slice(first, first + this.random.integer(0, 3));
  }

  #nextRevision(datasetId: string): number | null {
    if (!this.#numbered) return null;
    const revision = (this.#revisions.get(datasetId) ?? 0) + 1;
    this.#revisions.set(datasetId, revision);
    return revision;
  }
}
