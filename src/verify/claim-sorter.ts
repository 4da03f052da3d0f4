/** Sorts each announcement and dead letter to the record of the input that it names. */
import type { LogRecord } from '../lib/record.js';
import type { Announcement } from './announcement.js';
import { placeNamedBy, shownRecord, type NamedPlace } from './check-dead-letter.js';
import type { FindingKind } from './finding.js';
import { lastText } from './header-texts.js';
import { companyOf } from './read-input.js';
import type { InputRange, VerifyPlan } from './plan.js';
import type { TopicValues } from './read-announcements.js';
import type { ReportBuilder } from './report.js';
import type { RowKind, RowWriter, StoredRow } from './rows.js';

export class ClaimSorter {
  readonly #ranges: ReadonlyMap<number, InputRange>;
  readonly #only: Buffer | null;

  constructor(
    private readonly plan: VerifyPlan,
    private readonly ports: { readonly announcements: TopicValues<Announcement> },
    private readonly report: ReportBuilder,
    private readonly writer: RowWriter,
  ) {
    this.#ranges = new Map(plan.input.map((range) => [range.partition, range]));
    this.#only = plan.companyId === null ? null : Buffer.from(plan.companyId);
  }

  readonly announcement = async (record: LogRecord, partition: number): Promise<StoredRow | null> => {
    const { announcements } = this.ports;
    await announcements.prepare(record);
    if (this.#isOfOthers(record)) return null;
    const read = announcements.read(record);
    const groupKey = typeof read === 'string' ? record.key : Buffer.from(read.companyId);
    if (this.#only !== null && groupKey?.equals(this.#only) !== true) return null;
    this.report.announcements++;
    // Nobody knows the record that it names, so it is reported with the first record of its company.
    const { inputPartitions } = this.plan;
    const place =
      typeof read === 'string'
        ? { topic: this.plan.topics.input, partition: partition % inputPartitions, offset: 0 }
        : read.source;
    return this.#row('announcement', record, partition, place, groupKey);
  };

  readonly deadLetter = (record: LogRecord, partition: number): StoredRow | null => {
    if (this.#only !== null && record.key?.equals(this.#only) !== true) return null;
    const place = placeNamedBy(record);
    if (place !== null && place.topic !== this.plan.topics.input) {
      this.report.leftOut.ofOthers++;
      return null;
    }
    this.report.deadLetters++;
    if (place !== null) return this.#row('dead-letter', record, partition, place, record.key);
    this.#find('dead-letter-unexplained', record, partition, 'it names no record of the input');
    return null;
  };

  /** Several deployments may announce to one topic. */
  #isOfOthers(record: LogRecord): boolean {
    const source = lastText(record, 'ce_source');
    if (source === null || source.startsWith(`/${this.plan.applicationId}/`)) return false;
    this.report.leftOut.ofOthers++;
    return true;
  }

  #row(
    kind: RowKind,
    record: LogRecord,
    partition: number,
    place: NamedPlace,
    groupKey: Buffer | null,
  ): StoredRow | null {
    const { inputPartitions, topics } = this.plan;
    const range = this.#ranges.get(place.partition);
    const isNowhere = place.partition < 0 || place.partition >= inputPartitions || place.offset < 0;
    if (place.topic !== topics.input || isNowhere || (range !== undefined && place.offset >= range.logEnd)) {
      const what = `it names ${place.topic}/${place.partition}/${place.offset}, which is not in the input`;
      this.#find(kind === 'announcement' ? 'wrong-content' : 'dead-letter-unexplained', record, partition, what);
      return null;
    }
    if (range === undefined || place.offset >= range.to) {
      this.report.leftOut.afterEnd++;
      return null;
    }
    return this.writer.row(place.partition, { kind, about: place.offset, partition, record }, groupKey);
  }

  #find(kind: FindingKind, record: LogRecord, partition: number, why: string): void {
    this.report.add({
      kind,
      companyId: companyOf(record.key),
      partition,
      what: `the ${kind === 'wrong-content' ? 'announcement' : 'dead letter'} at ${partition}/${record.offset}: ${why}`,
      came: shownRecord(record),
      shouldHaveCome: null,
    });
  }
}
