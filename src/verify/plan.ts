/** What is verified, and what the verifier needs from outside. */
import type { LogRecord, TopicPartition } from '../lib/record.js';
import type { Announcement } from './announcement.js';
import type { Envelope } from './check-announcement.js';
import type { ClientChoices } from './client-choices.js';
import type { TopicValues } from './read-announcements.js';
import type { InputReader } from './read-input.js';
import type { Scratch } from './rows.js';

/** A part of one partition's log. All transactions in it have ended. */
export interface LogRange {
  readonly partition: number;
  readonly from: number;
  /** The offset after the last record. */
  readonly to: number;
}

export interface InputRange extends LogRange {
  /** The offset after the last record that exists, whether it was processed or not. */
  readonly logEnd: number;
}

export interface WrittenRange extends LogRange {
  /** Whether retention has removed records before `from`. */
  readonly isTruncated: boolean;
}

export interface VerifyPlan {
  readonly topics: { readonly input: string; readonly announcements: string; readonly deadLetters: string };
  /**
   * Each ends at the group's offset, if nothing else is asked for. So it must have been read before the ends of the other
   * topics, and `logEnd` after those.
   */
  readonly input: readonly InputRange[];
  /** All that is left of these topics. */
  readonly announcements: readonly WrittenRange[];
  readonly deadLetters: readonly WrittenRange[];
  readonly inputPartitions: number;
  readonly applicationId: string;
  readonly eventNamespace: string;
  readonly allDatasetsFrom: number;
  readonly defaultPartition: Envelope['defaultPartition'];
  /** The only company to verify; null for all. */
  readonly companyId: string | null;
  /** The number of findings that the report has. */
  readonly maxFindings: number;
}

export interface ScratchStore extends Scratch {
  /** Closes and removes it. */
  remove(): Promise<void>;
}

export interface VerifyPorts {
  /** The first offset that retention has left now. */
  startOf(log: TopicPartition): Promise<number>;
  /** Records of a range, some at a time. They are valid only until the next ones are asked for. */
  records(log: TopicPartition, range: LogRange): AsyncIterable<readonly LogRecord[]>;
  openScratch(name: string): Promise<ScratchStore>;
  readonly input: InputReader;
  readonly announcements: TopicValues<Announcement>;
  readonly choices: ClientChoices;
  /** Called often. @param done units of work, as `workOf` counts them */
  onProgress(done: number, doing: string): void;
}

/** The units of work of a plan: each record is read once, and the input is then judged. */
export function workOf({ input, announcements, deadLetters }: VerifyPlan): number {
  const sizeOf = (ranges: readonly LogRange[]) => ranges.reduce((sum, { from, to }) => sum + to - from, 0);
  return 2 * sizeOf(input) + sizeOf(announcements) + sizeOf(deadLetters);
}
