/** What the checks of one company need from outside. */
import type { LogRecord } from '../lib/record.js';
import type { Announcement } from './announcement.js';
import type { Envelope } from './check-announcement.js';
import type { PossibleChoices } from './client-choices.js';
import type { Fate, Finding, FindingKind } from './finding.js';
import type { ReadRecord } from './input-event.js';

/** What all companies of one partition share. */
export interface CheckContext {
  /** The input. */
  readonly topic: string;
  readonly partition: number;
  /** Whether the records were read from the offset 0 on. If not, the earlier records of a company may be missing. */
  readonly hasWholeInput: boolean;
  /** The first offset read. */
  readonly from: number;
  readonly eventNamespace: string;
  /** ALL_DATASETS_FROM in milliseconds since the epoch. */
  readonly allDatasetsFrom: number;
  readonly choices: PossibleChoices;
  readonly read: ReadRecord;
  /** The announcement, or why it cannot be read. */
  readonly readAnnouncement: (record: LogRecord) => Announcement | string;
  readonly envelope: Envelope;
  readonly deadLetterPartitions: number;
  /** Announcements written before this time may be gone; -Infinity if the topic has all. Likewise dead letters. */
  readonly announcementsSince: number;
  readonly deadLettersSince: number;
  /** @param history makes the last lines of the company's history, if they are wanted */
  readonly onFinding: (finding: Omit<Finding, 'history'>, history: () => readonly string[]) => void;
}

/** What the checks have found about one company. */
export interface Verdicts {
  find(kind: FindingKind, what: string, came: unknown, shouldHaveCome: unknown): void;
  /** The company cannot be judged in full. The first reason counts. */
  leaveOpen(reason: Fate): void;
}
