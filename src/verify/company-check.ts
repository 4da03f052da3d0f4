/**
 * Checks one company: feeds its records to the judge, and compares the result with the announcements and dead letters
 * that name these records as their evidence. Memory does not grow with the number of records.
 */
import type { LogRecord } from '../lib/record.js';
import { announcementOf, type Announcement } from './announcement.js';
import { contradictionsOf, whyNotComplete } from './announcement-evidence.js';
import { contentDifference, envelopeDifference, inWords, LATE_HEADER, RESENT_HEADER } from './check-announcement.js';
import type { CheckContext } from './check-context.js';
import { CompanyJudge } from './company-judge.js';
import type { Evidence, Fate, FindingKind } from './finding.js';
import { History } from './history.js';
import { isLimit, type BadCode, type Policy, type ReadInput } from './input-event.js';
import { keptAnnouncement, keptEvidence } from './kept-records.js';
import { LetterCheck } from './letter-check.js';
import { placeOf, type Row } from './rows.js';

/** An announcement, which names a record of the company as the one that completed it. */
interface Claim {
  readonly row: Row;
  readonly content: Announcement;
  readonly isResent: boolean;
  /** Set when the record that it names was read. */
  evidence: { readonly record: LogRecord; readonly faults: readonly string[] } | null;
}

interface Completed {
  readonly record: LogRecord;
  readonly policy: Policy;
  readonly clientId: string;
}

/**
 * A company has one announcement, and operators may have sent it again. Of more than these of each kind, or of more bytes
 * together, only the number is kept.
 */
const MAX_CLAIMS = 5;
const MAX_CLAIMS_BYTES = 16 * 1_024 * 1_024;
const MAX_SHOWN_DATASETS = 40;
const EARLIEST_DATE = Date.parse('2015-01-01T00:00:00Z');

export class CompanyCheck {
  readonly #context: CheckContext;
  readonly #companyId: string | null;
  readonly #judge: CompanyJudge;
  readonly #history = new History();
  readonly #letters: LetterCheck;
  readonly #claims: Claim[] = [];
  /** The bytes that the values of the claims had. */
  #claimsBytes = 0;
  /** Announcements that are not sent again by an operator. */
  #announced = 0;
  #completed: Completed | null = null;
  /** The client of the latest record. */
  #clientId = '';
  #isWrong = false;
  #unjudged: Fate | null = null;

  /** @param companyId null for records whose key is not the id of a company */
  constructor(companyId: string | null, context: CheckContext) {
    this.#companyId = companyId;
    this.#context = context;
    this.#judge = new CompanyJudge(context.partition);
    this.#letters = new LetterCheck(context, {
      find: (...found) => this.#find(...found),
      leaveOpen: (reason) => (this.#unjudged ??= reason),
    });
  }

  /** The announcements of the company, without those that an operator has sent again. */
  get announcements(): number {
    return this.#announced;
  }

  /** The last records and the announcements. */
  evidence(): Pick<Evidence, 'records' | 'announcements'> {
    const announcements = this.#claims.map(({ row, content: { trigger, datasets } }) => {
      const shown = datasets.slice(0, MAX_SHOWN_DATASETS).map(inWords);
      const more = datasets.length > shown.length ? ` and ${datasets.length - shown.length} more` : '';
      return `announced at ${placeOf(row)} by offset ${row.about}, ${trigger}: ${shown.join(', ')}${more}`;
    });
    return { records: this.#history.lines(), announcements };
  }

  /** Takes the rows of the company in the order of their keys. */
  take(row: Row): void {
    if (row.kind === 'announcement') this.#takeClaim(row);
    else if (row.kind === 'dead-letter') this.#letters.take(row);
    else this.#takeRecord(row);
  }

  /** Call it after the last row. */
  finish(): Fate {
    this.#letters.finish();
    const fate = this.#companyId === null ? this.#fateOfNobody() : this.#fateOfCompany();
    return this.#isWrong ? 'wrong' : (this.#unjudged ?? fate);
  }

  #takeClaim(row: Row): void {
    const content = this.#context.readAnnouncement(row.record);
    if (typeof content === 'string') {
      const came = row.record.value?.toString('hex', 0, 64) ?? null;
      this.#find('unreadable', `the announcement at ${placeOf(row)} cannot be read: ${content}`, came, null);
      return;
    }
    const isResent = row.record.headers.some(({ key }) => key === RESENT_HEADER);
    if (!isResent) this.#announced++;
    const bytes = row.record.value?.length ?? 0;
    const alike = this.#claims.filter((claim) => claim.isResent === isResent).length;
    if (alike >= MAX_CLAIMS || this.#claimsBytes + bytes > MAX_CLAIMS_BYTES) return;
    this.#claimsBytes += bytes;
    this.#claims.push({ row: keptAnnouncement(row, RESENT_HEADER), content, isResent, evidence: null });
  }

  #takeRecord(row: Row): void {
    const { record } = row;
    const letter = this.#letters.of(record.offset);
    const read = this.#letters.trusting(letter, this.#context.read(record));
    this.#history.add(record, read, this.#context.partition);
    const bad = read.kind === 'bad' ? this.#takeBad(read.code, record) : this.#apply(read, record);
    this.#letters.check(letter, bad, record);
    for (const claim of this.#claims) if (claim.row.about === record.offset) this.#weigh(claim, record);
  }

  /** @returns the code; null if no dead letter is required */
  #takeBad(code: BadCode, { offset }: LogRecord): BadCode | null {
    // No limit applies to a company that is not pending.
    if (this.#companyId !== null && isLimit(code) && this.#judge.outcome !== 'pending') return null;
    if (this.#companyId !== null) this.#judge.hold(offset);
    return code;
  }

  #apply(read: ReadInput & { readonly kind: 'event' }, record: LogRecord): BadCode | null {
    const judge = this.#judge;
    const wasPending = judge.outcome === 'pending';
    const { clientId, repairs, payload } = read;
    this.#clientId = clientId;
    let policy: Policy = 'ALL_DATASETS';
    const { offset, timestamp } = record;
    const limit = judge.apply({ offset, timestamp, repairs, payload }, () => {
      policy = this.#policyInForce(record, clientId);
      return policy;
    });
    if (wasPending && judge.outcome === 'complete') {
      this.#completed ??= { record: keptEvidence(record), policy, clientId };
      // Without the earlier records, it may be held by one of them. Its announcement shows when it was complete.
      if (!this.#context.hasWholeInput && !this.#isNamed(record.offset)) judge.reopen();
    }
    return limit;
  }

  #isNamed(offset: number): boolean {
    return this.#claims.some(({ row }) => row.about === offset);
  }

  #policyInForce({ timestamp, offset }: LogRecord, clientId: string): Policy {
    const { allDatasetsFrom, choices } = this.#context;
    if (timestamp < EARLIEST_DATE || timestamp >= allDatasetsFrom) return 'ALL_DATASETS';
    const claim = this.#claims.find(({ row, isResent }) => row.about === offset && !isResent);
    if (claim === undefined) return leastEager(choices(clientId, timestamp, Infinity));
    // The announcement was written when the record was judged.
    const writtenAt = claim.row.record.timestamp;
    const possible = choices(clientId, writtenAt, writtenAt);
    const { trigger } = claim.content;
    return possible.has(trigger as Policy) ? (trigger as Policy) : leastEager(possible);
  }

  /** Looks at an announcement's evidence when the record that it names was applied. */
  #weigh(claim: Claim, record: LogRecord): void {
    const { hasWholeInput, allDatasetsFrom, from } = this.#context;
    const isRight = this.#completed?.record.offset === record.offset;
    const faults = hasWholeInput
      ? isRight
        ? []
        : whyNotComplete(this.#judge)
      : contradictionsOf(claim.content, this.#judge, record, { clientId: this.#clientId, allDatasetsFrom, from });
    claim.evidence = { record: keptEvidence(record), faults };
  }

  #fateOfNobody(): Fate {
    for (const { content, row } of this.#claims)
      this.#find('early', `the announcement at ${placeOf(row)} has a key that no company has`, content, null);
    return 'no-company';
  }

  #fateOfCompany(): Fate {
    const judge = this.#judge;
    if (this.#announced > 1) {
      const places = this.#claims.map(({ row }) => placeOf(row));
      const ids = [...new Set(this.#claims.map(({ content }) => content.eventId))];
      const what = `it was announced ${this.#announced} times, with event id ${ids.join(' and ')}`;
      this.#find('duplicate', what, places, places.slice(0, 1));
    }
    if (judge.hasTooManyHolds) return 'too-many-holds';
    return this.#context.hasWholeInput ? this.#fateByWholeInput() : this.#fateByWhatIsLeft();
  }

  #fateByWholeInput(): Fate {
    const completed = this.#completed;
    const claim = this.#claims.find(({ row }) => row.about === completed?.record.offset) ?? this.#claims[0];
    if (completed === null) {
      if (claim === undefined) return this.#standing();
      const why = claim.evidence?.faults ?? [`offset ${claim.row.about} is not a record of the company`];
      this.#find('early', `it was announced and is not complete: ${why.join('; ')}`, claim.content, null);
      return 'wrong';
    }
    const expected = this.#expected(completed);
    if (claim === undefined) {
      if (completed.record.timestamp < this.#context.announcementsSince) return 'event-may-be-gone';
      this.#find('missing', 'it is complete and was not announced', null, expected);
      return 'wrong';
    }
    const { about } = claim.row;
    if (about === completed.record.offset) {
      const copies = this.#claims.filter((other) => other !== claim && other.isResent && other.row.about === about);
      for (const copy of copies) this.#compare(copy, expected, completed.record);
      return this.#compare(claim, expected, completed.record);
    }
    if (this.#judge.hasLaterWord && claim.evidence !== null) return 'later-word';
    const why = claim.evidence?.faults ?? [`offset ${about} is not a record of the company`];
    const what = `announced by offset ${about}, completed by offset ${completed.record.offset}`;
    const isEarly = about < completed.record.offset;
    this.#find(isEarly ? 'early' : 'late', isEarly ? `${what}: ${why.join('; ')}` : what, claim.content, expected);
    return 'wrong';
  }

  /** Without the earlier records, only contradictions are certain, and an announcement that what is left explains. */
  #fateByWhatIsLeft(): Fate {
    const claim = this.#claims.findLast(({ row }) => row.about >= this.#context.from);
    if (claim === undefined) {
      const { outcome } = this.#judge;
      return outcome === 'deleted' || outcome === 'announced-elsewhere' ? outcome : 'input-gone';
    }
    if (claim.evidence === null) {
      this.#find('early', `offset ${claim.row.about} is not a record of the company`, claim.content, null);
      return 'wrong';
    }
    const { record, faults } = claim.evidence;
    if (faults.length > 0) {
      this.#find('wrong-content', `it contradicts its evidence: ${faults.join('; ')}`, claim.content, null);
      return 'wrong';
    }
    const completed = this.#completed;
    if (completed === null || completed.record.offset !== record.offset) return 'input-gone-event-checked';
    const expected = this.#expected(completed);
    if (contentDifference(claim.content, expected) !== null) return 'input-gone-event-checked';
    return this.#compare(claim, expected, record);
  }

  #expected({ record, policy, clientId }: Completed): Announcement {
    const { topic, partition, eventNamespace } = this.#context;
    const { offset, timestamp } = record;
    const companyId = this.#companyId as string;
    return announcementOf(this.#judge, {
      companyId,
      eventNamespace,
      topic,
      partition,
      offset,
      timestamp,
      clientId,
      policy,
    });
  }

  #compare({ row, content }: Claim, expected: Announcement, completing: LogRecord): Fate {
    const difference = contentDifference(content, expected);
    // After an upgrade, the processor no longer knows the client of the record that completes the company.
    if (difference !== null && this.#judge.hasLaterWord && row.record.headers.some(({ key }) => key === LATE_HEADER))
      return 'later-word';
    if (difference !== null) this.#find('wrong-content', difference.what, difference.came, difference.shouldHaveCome);
    const envelope = envelopeDifference(row, expected, completing, this.#context.envelope);
    if (envelope !== null) this.#find('wrong-envelope', envelope.what, envelope.came, envelope.shouldHaveCome);
    return 'announced';
  }

  #standing(): Fate {
    const { outcome, holds, links, unsealedLinks, succeeded } = this.#judge;
    if (outcome === 'deleted' || outcome === 'announced-elsewhere') return outcome;
    if (holds.size > 0) return 'held';
    if (links.size === 0) return 'no-manifest';
    if (unsealedLinks.length > 0 || this.#judge.unfinished > 0) return 'open';
    return succeeded === 0 ? 'nothing-complete' : 'open';
  }

  #find(kind: FindingKind, what: string, came: unknown, shouldHaveCome: unknown): void {
    this.#isWrong = true;
    const { partition, onFinding } = this.#context;
    const finding = { kind, companyId: this.#companyId, partition, what, came, shouldHaveCome };
    onFinding(finding, () => this.#history.lines());
  }
}

function leastEager(possible: ReadonlySet<Policy>): Policy {
  return possible.has('ALL_DATASETS') ? 'ALL_DATASETS' : 'FIRST_DATASET';
}
