/**
 * Verifies a deployment by its topics: what the input requires, against what was announced and dead-lettered.
 *
 *     1. Announcements and dead letters go to the scratch store, each sorted to the record of the input that it names.
 *     2. One partition of the input after the other joins them there. A scan then gives the history of one company after
 *        the other, with the evidence beside each record (`rows.ts`), and `company-check.ts` judges it.
 *     3. The tallies of all companies are added up.
 *
 * Memory depends neither on the number of records nor on the number of companies.
 */
import type { LogRecord } from '../lib/record.js';
import type { CheckContext } from './check-context.js';
import { CompanyCheck } from './company-check.js';
import { companies, TallyWriter } from './company-tally.js';
import { ClaimSorter } from './claim-sorter.js';
import type { FindingKind } from './finding.js';
import type { LogRange, ScratchStore, VerifyPlan, VerifyPorts, WrittenRange } from './plan.js';
import { contentOf } from './read-announcements.js';
import { companyOf } from './read-input.js';
import { ReportBuilder, type VerifyReport } from './report.js';
import { partitionPrefix, RowReader, RowWriter, type Scratch, type StoredRow } from './rows.js';

/** Rows that are written to the scratch store together. */
const ROWS_A_WRITE = 2_000;
/** If they have more bytes, they are written earlier. */
const BYTES_A_WRITE = 4 * 1_024 * 1_024;

/** @throws what the ports throw */
export async function verify(plan: VerifyPlan, ports: VerifyPorts): Promise<VerifyReport> {
  const common = await ports.openScratch('claims');
  try {
    return await new Verification(plan, ports, common).run();
  } finally {
    await common.remove();
  }
}

class Verification {
  readonly #report: ReportBuilder;
  readonly #writer = new RowWriter();
  readonly #tallies = new TallyWriter();
  #done = 0;

  constructor(
    private readonly plan: VerifyPlan,
    private readonly ports: VerifyPorts,
    /** Has the announcements and dead letters of all partitions, and the tallies. */
    private readonly common: ScratchStore,
  ) {
    this.#report = new ReportBuilder(plan.maxFindings);
  }

  async run(): Promise<VerifyReport> {
    const { input, topics } = this.plan;
    const since = await this.#sortClaims();
    for (const range of input) await this.#verifyPartition(range, since);
    for await (const tallies of companies(this.common)) this.#report.addCompany(tallies);
    return this.#report.report(topics.input);
  }

  /** @returns the times from which on the topics have everything that was written */
  async #sortClaims(): Promise<Kept> {
    const { topics, announcements, deadLetters } = this.plan;
    const sorter = new ClaimSorter(this.plan, this.ports, this.#report, this.#writer);
    const rowOf = { announcements: sorter.announcement, deadLetters: sorter.deadLetter };
    const sort = async (role: keyof Kept, ranges: readonly WrittenRange[]): Promise<number[]> => {
      const since: number[] = [];
      for (const planned of ranges) {
        const range = await this.#whatIsLeft(topics[role], planned);
        const first = await this.#spill(topics[role], range, this.common, rowOf[role]);
        since.push(planned.isTruncated || range.from > planned.from ? (first ?? Infinity) : -Infinity);
      }
      return since;
    };
    return {
      announcements: await sort('announcements', announcements),
      deadLetters: await sort('deadLetters', deadLetters),
    };
  }

  /** Retention may remove records while others are read. */
  async #whatIsLeft(topic: string, { partition, from, to }: LogRange): Promise<LogRange> {
    const start = await this.ports.startOf({ topic, partition });
    return { partition, from: Math.min(to, Math.max(from, start)), to };
  }

  async #verifyPartition(planned: LogRange, since: Kept): Promise<void> {
    const { topics, companyId } = this.plan;
    const { partition } = planned;
    const range = await this.#whatIsLeft(topics.input, planned);
    const scratch = await this.ports.openScratch(`partition-${partition}`);
    try {
      await copy(this.common, scratch, partitionPrefix(partition));
      const only = companyId === null ? null : Buffer.from(companyId);
      let records = 0;
      await this.#spill(topics.input, range, scratch, (record) => {
        if (only !== null && record.key?.equals(only) !== true) return null;
        records++;
        return this.#writer.row(partition, { kind: 'record', about: record.offset, partition, record });
      });
      this.#report.partitions.push({ ...range, records });
      await this.#judge(scratch, this.#contextOf(range, since), range);
    } finally {
      await scratch.remove();
    }
  }

  /** Writes the rows of a range. @returns the time of the first record; null if there is none */
  async #spill(
    topic: string,
    range: LogRange,
    scratch: Scratch,
    rowOf: (record: LogRecord, partition: number) => StoredRow | null | Promise<StoredRow | null>,
  ): Promise<number | null> {
    const { partition } = range;
    let first: number | null = null;
    const doing = `reading ${topic}/${partition}`;
    const before = this.#done;
    for await (const records of this.ports.records({ topic, partition }, range)) {
      let rows: StoredRow[] = [];
      for (const record of records) {
        first ??= record.timestamp;
        const made = rowOf(record, partition);
        const row = made instanceof Promise ? await made : made;
        if (row === null) continue;
        if (rows.push(row) < ROWS_A_WRITE) continue;
        await scratch.write(rows);
        rows = [];
      }
      await scratch.write(rows);
      this.#progress(before + (records.at(-1)?.offset ?? range.from) - range.from, doing);
    }
    this.#progress(before + range.to - range.from, doing);
    return first;
  }

  async #judge(scratch: Scratch, shared: Omit<CheckContext, 'onFinding'>, range: LogRange): Promise<void> {
    const { input, announcements } = this.ports;
    const { partition } = range;
    const reader = new RowReader();
    const before = this.#done;
    let rows: StoredRow[] = [];
    let company: OneCompany | null = null;
    const finish = async (): Promise<void> => {
      const tally = company?.finish() ?? null;
      if (company === null || tally === null) return;
      if (this.plan.companyId !== null)
        this.#report.evidence.push({ partition, fate: tally.fate, ...company.evidence() });
      rows.push(this.#tallies.row({ ...tally, partition }));
      if (rows.length < ROWS_A_WRITE) return;
      await this.common.write(rows);
      rows = [];
    };
    let judged = 0;
    for await (const pair of scratch.pairs(partitionPrefix(partition))) {
      const { row, isNewGroup } = reader.read(pair);
      if (isNewGroup) {
        await finish();
        company = new OneCompany(companyOf(reader.groupKey), shared, this.#report);
      }
      const schema = (row.kind === 'announcement' ? announcements : input).prepare(row.record);
      if (schema !== null && row.kind !== 'dead-letter') await schema;
      company?.take(row);
      if (++judged % ROWS_A_WRITE === 0)
        this.#progress(before + Math.min(judged, range.to - range.from), `judging partition ${partition}`);
    }
    await finish();
    await this.common.write(rows);
    this.#progress(before + range.to - range.from, `judging partition ${partition}`);
  }

  /** The records about one partition of the input are in the partition of the same number, or in any. */
  #since(ofEach: readonly number[], inputPartition: number): number {
    if (ofEach.length === this.plan.inputPartitions) return ofEach[inputPartition] ?? -Infinity;
    return Math.max(...ofEach);
  }

  #progress(done: number, doing: string): void {
    this.#done = done;
    this.ports.onProgress(done, doing);
  }

  #contextOf({ partition, from }: LogRange, since: Kept): Omit<CheckContext, 'onFinding'> {
    const { topics, eventNamespace, allDatasetsFrom, applicationId, inputPartitions, defaultPartition } = this.plan;
    const { announcements, deadLetters } = this.plan;
    const { ports } = this;
    return {
      topic: topics.input,
      partition,
      hasWholeInput: from === 0,
      from,
      eventNamespace,
      allDatasetsFrom,
      choices: ports.choices.possible,
      read: ports.input.read,
      readAnnouncement: (record) => {
        const read = ports.announcements.read(record);
        return typeof read === 'string' ? read : contentOf(read);
      },
      envelope: { applicationId, inputPartitions, outputPartitions: announcements.length, defaultPartition },
      deadLetterPartitions: deadLetters.length,
      announcementsSince: this.#since(since.announcements, partition),
      deadLettersSince: this.#since(since.deadLetters, partition),
    };
  }
}

/** For each partition of a topic, the time from which on it has everything that was written. */
interface Kept {
  readonly announcements: readonly number[];
  readonly deadLetters: readonly number[];
}

/** One company of one partition while its rows are read. */
class OneCompany {
  readonly #findings = new Map<FindingKind, number>();
  readonly #check: CompanyCheck;
  #hasRecords = false;

  constructor(
    private readonly companyId: string | null,
    shared: Omit<CheckContext, 'onFinding'>,
    private readonly report: ReportBuilder,
  ) {
    const onFinding: CheckContext['onFinding'] = (finding, history) => {
      this.#findings.set(finding.kind, (this.#findings.get(finding.kind) ?? 0) + 1);
      report.keep(finding, history);
    };
    this.#check = new CompanyCheck(companyId, { ...shared, onFinding });
  }

  take(row: Parameters<CompanyCheck['take']>[0]): void {
    if (row.kind === 'record') this.#hasRecords = true;
    this.#check.take(row);
  }

  evidence(): ReturnType<CompanyCheck['evidence']> {
    return this.#check.evidence();
  }

  /** The tally; null if the records belong to no company. */
  finish() {
    const fate = this.#check.finish();
    const { companyId } = this;
    const { announcements } = this.#check;
    if (companyId !== null)
      return { companyId, fate, hasRecords: this.#hasRecords, announcements, findings: this.#findings };
    this.report.addNobody(this.#findings);
    return null;
  }
}

async function copy(from: Scratch, to: Scratch, prefix: Buffer): Promise<void> {
  let rows: StoredRow[] = [];
  let bytes = 0;
  for await (const row of from.pairs(prefix)) {
    bytes += row.key.length + row.value.length;
    if (rows.push(row) < ROWS_A_WRITE && bytes < BYTES_A_WRITE) continue;
    await to.write(rows);
    rows = [];
    bytes = 0;
  }
  await to.write(rows);
}
