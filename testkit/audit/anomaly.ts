/** The anomalies that the audit can find, each with the smallest evidence that shows it. */

export const ANOMALY_KINDS = [
  /** A company that should have been announced was not. */
  'missing',
  /** A company was announced more than once. */
  'duplicate',
  /** Announced by a record that did not complete the company, or although the company was never complete. */
  'early',
  /** Announced by a later record than the one that completed the company. */
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
export type AnomalyKind = (typeof ANOMALY_KINDS)[number];

export interface Anomaly {
  readonly kind: AnomalyKind;
  /** Null if the company is unknown. */
  readonly companyId: string | null;
  /** One sentence. */
  readonly what: string;
  readonly came: unknown;
  readonly shouldHaveCome: unknown;
  /** The company's records in the input, one line each. */
  readonly history: readonly string[];
}
