/** What the verifier can find wrong, and what it cannot judge. */

export const FINDING_KINDS = [
  /** A company that should have been announced was not. */
  'missing',
  /** A company was announced more than once. */
  'duplicate',
  /** Announced by a record that did not complete the company, or although the company was never complete. */
  'early',
  /** Announced by a later record than the one that completes the company. */
  'late',
  /** Announced at the right record, but with other fields than the rules require. */
  'wrong-content',
  /** Key, headers or partition of the announcement are wrong. */
  'wrong-envelope',
  /** The announcement's value cannot be read. */
  'unreadable',
  /** A bad record is not among the dead letters. */
  'dead-letter-lost',
  'dead-letter-duplicate',
  /** Key, value, own headers, added headers or partition of a dead letter are wrong. */
  'dead-letter-altered',
  /** A dead letter of a record that is not bad, or that does not exist. */
  'dead-letter-unexplained',
] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

export interface Finding {
  readonly kind: FindingKind;
  /** Null if the record belongs to no company. */
  readonly companyId: string | null;
  readonly partition: number;
  /** One sentence. */
  readonly what: string;
  readonly came: unknown;
  readonly shouldHaveCome: unknown;
  /** The last records of the company, one line each. */
  readonly history: readonly string[];
}

/** What became of a company. Each has one fate for each input partition that has records of it. */
export const FATES = {
  announced: 'announced, and proved by the input',
  open: 'not complete',
  held: 'held by a bad record',
  'nothing-complete': 'all over, and nothing Complete',
  'no-manifest': 'no manifest',
  deleted: 'deleted before it was complete',
  'announced-elsewhere': 'announced by another system',
  wrong: 'wrong, see the findings',
  'no-company': 'bad records that belong to no company',
  'input-gone': 'a part of its input may be gone',
  'input-gone-event-checked': 'a part of its input may be gone; its event agrees with what is left',
  'event-may-be-gone': 'complete, and its event may be gone from the topic',
  'later-word': 'it has a status word that an earlier release did not know',
  'too-many-holds': 'too many open holds',
  'schema-registered-since': 'a bad record of an unknown schema, which is registered now',
  'dead-letter-may-be-gone': 'a dead letter may be gone from the topic',
  'several-partitions': 'its records are in several partitions of the input',
} as const;
export type Fate = keyof typeof FATES;

/** The fates that say that a company was not judged, or not in full. */
export const NOT_JUDGED: ReadonlySet<Fate> = new Set<Fate>([
  'input-gone',
  'input-gone-event-checked',
  'event-may-be-gone',
  'later-word',
  'too-many-holds',
  'schema-registered-since',
  'dead-letter-may-be-gone',
  'several-partitions',
]);

/** All that is known about one company in one partition of the input. */
export interface Evidence {
  readonly partition: number;
  readonly fate: Fate;
  /** Its last records, one line each. */
  readonly records: readonly string[];
  /** Its announcements, with their places, one line each. */
  readonly announcements: readonly string[];
}
