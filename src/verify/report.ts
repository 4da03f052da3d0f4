/** The result of a verification. */
import { cutText } from '../lib/cut-text.js';
import type { Tally } from './company-tally.js';
import { FINDING_KINDS, type Evidence, type Fate, type Finding, type FindingKind } from './finding.js';

export interface VerifiedPartition {
  readonly partition: number;
  /** The records from this offset on were read, up to the offset before `to`. */
  readonly from: number;
  readonly to: number;
  readonly records: number;
}

export interface VerifyReport {
  readonly topic: string;
  readonly partitions: readonly VerifiedPartition[];
  readonly records: number;
  readonly companies: number;
  readonly fates: Readonly<Partial<Record<Fate, number>>>;
  readonly announcements: number;
  readonly deadLetters: number;
  /** Announcements and dead letters that were not compared. */
  readonly leftOut: { readonly ofOthers: number; readonly afterEnd: number };
  readonly anomalies: number;
  readonly counts: Readonly<Record<FindingKind, number>>;
  /** The first findings. */
  readonly findings: readonly Finding[];
  /** Of the company, if only one is verified. */
  readonly evidence: readonly Evidence[];
}

/**
 * Entries of a list and characters of a text that a finding shows. Anyone may write announcements, and a small one can
 * have a million entries.
 */
const MAX_SHOWN_ENTRIES = 100;
const MAX_SHOWN_CHARACTERS = 2_000;

/** Collects what was found. Keeps a limited number of findings; the others are only counted. */
export class ReportBuilder {
  readonly #fates = new Map<Fate, number>();
  readonly #counts = new Map<FindingKind, number>();
  #findings: Finding[] = [];
  #companies = 0;
  announcements = 0;
  deadLetters = 0;
  readonly leftOut = { ofOthers: 0, afterEnd: 0 };
  readonly partitions: VerifiedPartition[] = [];
  readonly evidence: Evidence[] = [];

  /** @param maxFindings the number of findings that are kept */
  constructor(private readonly maxFindings: number) {}

  /** Keeps a finding, and does not count it. @param history is called only if the finding is kept */
  keep(finding: Omit<Finding, 'history'>, history: () => readonly string[] = () => []): void {
    if (this.#findings.length >= this.maxFindings) return;
    const what = cutText(finding.what, MAX_SHOWN_CHARACTERS);
    const [came, shouldHaveCome] = [shown(finding.came), shown(finding.shouldHaveCome)];
    this.#findings.push({ ...finding, what, came, shouldHaveCome, history: history() });
  }

  /** Keeps and counts a finding that belongs to no tally. */
  add(finding: Omit<Finding, 'history'>): void {
    this.keep(finding);
    this.#count(finding.kind, 1);
  }

  /** Adds records that belong to no company. */
  addNobody(findings: ReadonlyMap<FindingKind, number>): void {
    for (const [kind, count] of findings) this.#count(kind, count);
  }

  /** Adds a company, by its tallies in all partitions. */
  addCompany(tallies: readonly Tally[]): void {
    this.#companies++;
    const [first] = tallies as [Tally];
    if (tallies.filter(({ hasRecords }) => hasRecords).length > 1) {
      this.#addSplit(first.companyId, tallies);
      return;
    }
    const main = tallies.find(({ hasRecords }) => hasRecords) ?? first;
    const isWrong = tallies.some(({ fate }) => fate === 'wrong');
    this.#addFate(isWrong ? 'wrong' : main.fate);
    for (const { findings } of tallies) this.addNobody(findings);
  }

  /** A company with records in several partitions cannot be judged. But it may be announced only once. */
  #addSplit(companyId: string, tallies: readonly Tally[]): void {
    const announced = tallies.reduce((sum, { announcements }) => sum + announcements, 0);
    this.#findings = this.#findings.filter((finding) => finding.companyId !== companyId);
    this.#addFate(announced > 1 ? 'wrong' : 'several-partitions');
    if (announced <= 1) return;
    const partitions = tallies.map(({ partition }) => partition);
    this.add({
      kind: 'duplicate',
      companyId,
      partition: partitions[0] ?? 0,
      what: `it was announced ${announced} times, and its records are in the partitions ${partitions.join(', ')}`,
      came: null,
      shouldHaveCome: null,
    });
  }

  report(topic: string): VerifyReport {
    const counts = Object.fromEntries(FINDING_KINDS.map((kind) => [kind, this.#counts.get(kind) ?? 0]));
    return {
      topic,
      partitions: this.partitions,
      records: this.partitions.reduce((sum, { records }) => sum + records, 0),
      companies: this.#companies,
      fates: Object.fromEntries(this.#fates),
      announcements: this.announcements,
      deadLetters: this.deadLetters,
      leftOut: this.leftOut,
      anomalies: [...this.#counts.values()].reduce((sum, count) => sum + count, 0),
      counts: counts as Record<FindingKind, number>,
      findings: this.#findings,
      evidence: this.evidence,
    };
  }

  #addFate(fate: Fate): void {
    this.#fates.set(fate, (this.#fates.get(fate) ?? 0) + 1);
  }

  #count(kind: FindingKind, count: number): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count);
  }
}

/** A copy without the ends of long lists and texts. */
function shown(value: unknown): unknown {
  if (typeof value === 'string') return cutText(value, MAX_SHOWN_CHARACTERS);
  if (typeof value !== 'object' || value === null) return value;
  if (!Array.isArray(value)) {
    const fields = Object.entries(value).slice(0, MAX_SHOWN_ENTRIES);
    return Object.fromEntries(fields.map(([name, content]) => [cutText(name, MAX_SHOWN_CHARACTERS), shown(content)]));
  }
  const entries = (value as unknown[]).slice(0, MAX_SHOWN_ENTRIES).map(shown);
  const more = value.length - entries.length;
  return more > 0 ? [...entries, `and ${more} more`] : entries;
}
