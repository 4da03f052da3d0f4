/** Writes the lines of the log to a file or pipe. */
import { constants, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { REPEAT_AFTER_MS } from '../lib/repeated-lines.js';

/** Characters of lines that wait until the log is read, at most. Lines beyond them are dropped and counted. */
export const MAX_WAITING_CHARACTERS = 1024 * 1024;
/** The time between two tries while the pipe is full. */
const RETRY_MS = 100;
/** At its end, the process waits this long for a reader of the log. */
const LAST_FLUSH_MS = 1_000;
const LAST_RETRY_MS = 20;
const LINE_BREAK = '\n'.charCodeAt(0);

/**
 * The number of a file for LogOutput that writes where `file` does. A terminal is opened again, so that writes to it never
 * block: Ctrl-S stops the output of a terminal, and a write that blocks would stop all partitions. The flag belongs to the
 * open file, and programs that share the terminal do not get it.
 */
export function withoutBlocking(file: number): number {
  if (!isatty(file)) return file;
  try {
    return openSync(`/proc/self/fd/${file}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return file; // Not Linux, or the terminal belongs to another user.
  }
}

/**
 * Writes the lines of one turn of the event loop together. A line that must not be lost is written by `flush`.
 *
 * It never waits, except in `lastFlush`: if the pipe is full, lines wait in bounded memory. Another error, such as a full
 * disk, drops lines too. It writes in the main thread: threads of the pool may all be busy with calls to a state volume
 * that hangs.
 */
export class LogOutput {
  #waiting: string[] = [];
  #characters = 0;
  /** The part of an earlier write that the pipe did not take. */
  #rest: Buffer = Buffer.alloc(0);
  /** The last write ended within a line. If the rest of that line is dropped, the next write begins a new line. */
  #isInLine = false;
  /** The number of lines in `#rest` and `#waiting`. */
  #lines = 0;
  #dropped = 0;
  /** Dropped lines are not reported before this time, because the log has at most one line a minute about one cause. */
  #reportAt = -Infinity;
  #isScheduled = false;

  /**
   * @param file the number of an open file, or of a pipe that does not block
   * @param now milliseconds since the epoch
   * @param onDropped called with a number of dropped lines once lines can be written again, at most once a minute. It may
   *   write lines
   */
  constructor(
    private readonly file: number,
    private readonly now: () => number,
    private readonly onDropped: (lines: number) => void,
  ) {}

  write(line: string): void {
    if (this.#characters + line.length > MAX_WAITING_CHARACTERS) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(line);
    this.#characters += line.length;
    this.#lines++;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#flushScheduled());
  }

  /** Writes what waits, as far as the pipe takes it. */
  flush(): void {
    if (this.#tryFlush() === 'full') this.#retryLater();
  }

  /** For the end of the process: waits for up to 1 s if the pipe is full. */
  lastFlush(): void {
    for (let leftMs = LAST_FLUSH_MS; this.#tryFlush() === 'full' && leftMs > 0; leftMs -= LAST_RETRY_MS)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LAST_RETRY_MS);
  }

  #flushScheduled(): void {
    this.#isScheduled = false;
    this.flush();
  }

  #retryLater(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setTimeout(() => this.#flushScheduled(), RETRY_MS).unref();
  }

  #tryFlush(): 'written' | 'full' {
    try {
      while (this.#rest.length > 0 || this.#waiting.length > 0) {
        if (this.#rest.length === 0) {
          this.#rest = Buffer.from(`${this.#isInLine ? '\n' : ''}${this.#waiting.join('')}`);
          this.#waiting = [];
        }
        const written = writeSync(this.file, this.#rest);
        this.#isInLine = this.#rest[written - 1] !== LINE_BREAK;
        this.#rest = this.#rest.subarray(written);
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN' || code === 'EBUSY') return 'full';
      this.#dropped += this.#lines;
      this.#clear();
      return 'written';
    }
    this.#clear();
    this.#reportDropped();
    return 'written';
  }

  #reportDropped(): void {
    if (this.#dropped === 0 || this.now() < this.#reportAt) return;
    const lines = this.#dropped;
    this.#dropped = 0;
    this.#reportAt = this.now() + REPEAT_AFTER_MS;
    this.onDropped(lines);
  }

  #clear(): void {
    this.#waiting = [];
    this.#rest = Buffer.alloc(0);
    this.#characters = 0;
    this.#lines = 0;
  }
}
