/** The random company histories of the property tests, as records of one partition that come in portions. */
import * as fc from 'fast-check';
import { companyHistory, CONTEXT } from './company-history.js';
import type { Deployment } from '../../testkit/deployment.js';
import { avroPayload, type PayloadType } from './payloads.js';
import type { Place, Platform, PlatformRecord } from './platform.js';
import type { EventRecord, HistoryRecord, ReferencePayload } from '../../testkit/reference-model.js';

export interface PortionOptions {
  readonly partition: number;
  /** Where the first record will lie: nobody else writes to the partition. */
  readonly firstOffset: number;
  readonly portions: number;
  /** Companies with a random history, which begins in the first portion. */
  readonly companies: number;
  readonly seed: number;
  /** Bytes that each portion has at least: half before its poison, and half after it; 0 where it does not matter. */
  readonly paddingBytes?: number;
  readonly further?: FurtherCompanies;
  /** What a status word of the random histories is written as; itself without it. */
  readonly spelling?: (status: string) => string;
  /** Payloads that no random history has: a release that is tested does not know them. */
  readonly without?: readonly PayloadType[];
}

/** Companies of the caller's own beside those of the random histories: their records of each portion. */
export type FurtherCompanies = (companyId: (what: string) => string) => readonly (readonly PlatformRecord[])[];

/** What the encoding of longs without bigints can take. */
const LARGEST_REVISION = Number.MAX_SAFE_INTEGER - 1;

/**
 * Each portion is made so that its being applied twice, or not at all, shows:
 * - random histories, most of them with revisions, run on from portion to portion;
 * - one company is completed by each portion alone, its status with a revision, which is stale if it is seen again;
 * - in the portion after it, what completed that company comes again with a higher revision, and a second link;
 * - the last record (but for padding) is poison, so that whoever reads on one record too early leaves two dead letters.
 */
export function historyPortions(
  platform: Platform,
  { allDatasetsFrom }: Deployment,
  options: PortionOptions,
): PlatformRecord[][] {
  const { partition, firstOffset, portions, companies, seed, paddingBytes = 0, spelling = (word) => word } = options;
  const isKnown = (record: HistoryRecord) =>
    record.kind !== 'event' || options.without?.includes(record.payload.type) !== true;
  const histories = fc.sample(companyHistory, { seed, numRuns: companies }).map((history) => history.filter(isKnown));
  const name = (what: string | number) => `${what} of partition ${partition} from ${firstOffset} on`;
  const random = histories.map(
    (history, n) => new PlayedHistory(platform, name(n), history, allDatasetsFrom, spelling),
  );
  const further = options.further?.(name) ?? [];

  let offset = firstOffset;
  return Array.from({ length: portions }, (_, portion) => {
    const records = [
      ...completedAtOnce(platform, name(`portion ${portion}`), 1),
      ...(portion === 0 ? [] : completedAtOnce(platform, name(`portion ${portion - 1}`), 2)),
    ];
    for (let more = true; more;) {
      more = false;
      for (const history of random) {
        if (history.played >= ((portion + 1) / portions) * history.length) continue;
        records.push(history.next({ partition, offset: offset + records.length }));
        more = true;
      }
    }
    records.push(...(further[portion] ?? []));
    const padding = { headers: { padding: Buffer.alloc(paddingBytes / 2) } };
    const filler = platform.manifest(name('padding'), { datasets: [] }, padding);
    records.push(filler, { key: name('poisoned'), value: Buffer.from('{"status":"Complete"}') });
    if (paddingBytes > 0) records.push(filler);
    offset += records.length;
    return records.map((record) => ({ ...record, partition }));
  });
}

/** A company of one dataset, by a link and a status that have this number. */
function completedAtOnce(platform: Platform, companyId: string, number: number): PlatformRecord[] {
  const datasetId = 'the only dataset';
  return [
    platform.manifest(companyId, { linkId: `link-${number}`, datasets: [datasetId] }),
    platform.status(companyId, datasetId, 'Complete', { revision: number }),
  ];
}

/** Turns a history's records into records of the platform, one after the other. */
class PlayedHistory {
  played = 0;
  /** Where records came to lie: what the history calls so -> the real place. */
  readonly #places = new Map<string, string>();

  constructor(
    private readonly platform: Platform,
    private readonly companyId: string,
    private readonly history: readonly HistoryRecord[],
    private readonly allDatasetsFrom: number,
    private readonly spelling: (status: string) => string,
  ) {}

  get length(): number {
    return this.history.length;
  }

  next(place: Place): PlatformRecord {
    const record = this.history[this.played++] as HistoryRecord;
    this.#places.set(`${CONTEXT.partition}/${record.offset}`, `${place.partition}/${place.offset}`);
    return { ...this.#content(record), timestamp: this.#timestampOf(record) };
  }

  #content(record: HistoryRecord): PlatformRecord {
    const { platform, companyId } = this;
    if (record.kind === 'event') return this.#event(record);
    const status = platform.status(companyId, 'dataset-1', 'Complete');
    switch (record.code) {
      case 'bad-framing':
        return { ...status, value: Buffer.alloc(0) };
      case 'key-mismatch':
        return platform.status('somebody else', 'dataset-1', 'Complete', {}, { key: companyId });
      case 'too-many-datasets':
      case 'too-large':
        throw new Error(`a release before the limits reads a record that is ${record.code}`);
      case 'undecodable':
      case 'unknown-schema': // Takes the processor ten seconds to be sure of: cut off instead.
        return { ...status, value: status.value?.subarray(0, -3) ?? null };
    }
  }

  #event({ clientId, payload, repairs }: EventRecord): PlatformRecord {
    const { platform, companyId } = this;
    const places = repairs.map((repaired) => this.#places.get(repaired) ?? repaired);
    const envelope = { clientId, ...(places.length === 0 ? {} : { headers: { repairs: places } }) };
    return platform.event(companyId, avroPayload(this.#asItIsWritten(payload)), envelope);
  }

  #asItIsWritten(payload: ReferencePayload): ReferencePayload {
    if (payload.type !== 'DatasetStatusChanged') return payload;
    const { status, revision } = payload;
    return { ...payload, status: this.spelling(status), revision: revision === null ? null : writable(revision) };
  }

  /** A quarter as far from the date as in the history: brokers refuse what lies an hour in the future. */
  #timestampOf({ timestamp }: HistoryRecord): number {
    const sinceTheDate = timestamp - CONTEXT.allDatasetsFrom;
    return this.allDatasetsFrom + (Math.abs(sinceTheDate) < 4 ? sinceTheDate : Math.trunc(sinceTheDate / 4));
  }
}

function writable(revision: number | bigint): number {
  return Number(revision) > LARGEST_REVISION ? LARGEST_REVISION : Number(revision);
}
