/** The random company histories of the property tests, as records of one partition, divided into portions. */
import * as fc from 'fast-check';
import { companyHistory, CONTEXT } from './company-history.js';
import type { Deployment } from '../../testkit/deployment.js';
import { avroPayload, type PayloadType } from './payloads.js';
import type { Place, Platform, PlatformRecord } from './platform.js';
import type { EventRecord, HistoryRecord, ReferencePayload } from '../../testkit/reference-model.js';

export interface PortionOptions {
  readonly partition: number;
  /** The offset of the first record. Nobody else may write to the partition. */
  readonly firstOffset: number;
  readonly portions: number;
  /** The number of companies with a random history. Each history begins in the first portion. */
  readonly companies: number;
  readonly seed: number;
  /**
   * The least number of bytes of a portion: half before its bad record, and half after it; 0 if it does not matter.
   */
  readonly paddingBytes?: number;
  readonly further?: FurtherCompanies;
  /** Replaces status words of the random histories. Without it, they are written unchanged. */
  readonly spelling?: (status: string) => string;
  /** Payloads that the random histories must not have, because a tested release does not know them. */
  readonly without?: readonly PayloadType[];
}

/** Further companies, from the caller: their records of each portion. */
export type FurtherCompanies = (companyId: (what: string) => string) => readonly (readonly PlatformRecord[])[];

/** The largest long that an encoding without bigints can write. */
const LARGEST_REVISION = Number.MAX_SAFE_INTEGER - 1;

/**
 * The audit can see from each portion whether it was applied twice or not at all:
 * - Random histories, most of them with revisions, continue from portion to portion.
 * - Each portion completes one company by itself. Its status has a revision, so a second application of it is stale.
 * - The next portion has that status again with a higher revision, and a second link.
 * - The last record (except padding) is bad. If an instance continues one record too early, there are two dead
 *   letters.
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
    records.push(filler, { key: name('on-hold'), value: Buffer.from('{"status":"Complete"}') });
    if (paddingBytes > 0) records.push(filler);
    offset += records.length;
    return records.map((record) => ({ ...record, partition }));
  });
}

/** A company of one dataset. Its link and its status have this number. */
function completedAtOnce(platform: Platform, companyId: string, number: number): PlatformRecord[] {
  const datasetId = 'the only dataset';
  return [
    platform.manifest(companyId, { linkId: `link-${number}`, datasets: [datasetId] }),
    platform.status(companyId, datasetId, 'Complete', { revision: number }),
  ];
}

/** Turns the records of a history into records of the platform, one after the other. */
class PlayedHistory {
  played = 0;
  /** The places of records: the place in the history -> the real place. */
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
      case 'unknown-schema': // The processor needs ten seconds to confirm an unknown id, so the value is cut off instead.
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

  /**
   * The distance from ALL_DATASETS_FROM is a quarter of that in the history: brokers refuse timestamps an hour in the
   * future.
   */
  #timestampOf({ timestamp }: HistoryRecord): number {
    const sinceTheDate = timestamp - CONTEXT.allDatasetsFrom;
    return this.allDatasetsFrom + (Math.abs(sinceTheDate) < 4 ? sinceTheDate : Math.trunc(sinceTheDate / 4));
  }
}

function writable(revision: number | bigint): number {
  return Number(revision) > LARGEST_REVISION ? LARGEST_REVISION : Number(revision);
}
