/** A list of companyIds as a file, one a line. Memory does not grow with it. */
import { isUtf8 } from 'node:buffer';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { MAX_TEXT_BYTES, utf8Bytes } from '../domain/limits.js';

/** Longer than any id: a file that has such a line is not a list of ids. */
const MAX_LINE_BYTES = 65_536;
const LINE_FEED = 0x0a;
const BYTE_ORDER_MARK = '\uFEFF';

export interface ListedLine {
  /** From 1 on. */
  readonly number: number;
  /** Null if the line is not an id: `fault` says why, in words. */
  readonly companyId: string | null;
  readonly fault: string | null;
}

/** A file that can be read as often as wanted. */
export class CompanyIdList {
  private constructor(
    private readonly file: string,
    /** What was made for it. */
    private readonly folder: string | null,
  ) {}

  /**
   * An input that is not a file, as a pipe, gives its bytes once only: it is copied to a file in TMPDIR first.
   * @param file - for what is piped in
   */
  static async open(file: string): Promise<CompanyIdList> {
    if (file !== '-' && (await stat(file)).isFile()) return new CompanyIdList(file, null);
    const folder = await mkdtemp(join(tmpdir(), 'company-ids-'));
    const list = new CompanyIdList(join(folder, 'ids'), folder);
    try {
      await pipeline(file === '-' ? process.stdin : createReadStream(file), createWriteStream(list.file));
    } catch (error) {
      await list.close();
      throw error;
    }
    return list;
  }

  async close(): Promise<void> {
    if (this.folder !== null) await rm(this.folder, { recursive: true, force: true });
  }

  /** Its ids and its faults, in their order; empty lines and comments are passed over. */
  async *lines(): AsyncGenerator<ListedLine, void, undefined> {
    let number = 0;
    for await (const bytes of linesOf(this.file)) {
      number++;
      const line = readLine(bytes, number);
      if (line !== null) yield { number, companyId: null, fault: null, ...line };
    }
  }
}

async function* linesOf(file: string): AsyncGenerator<Buffer, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, from)) {
      yield joined(rest, chunk.subarray(from, end));
      rest = Buffer.alloc(0);
      from = end + 1;
    }
    rest = joined(rest, chunk.subarray(from));
    if (rest.length > MAX_LINE_BYTES)
      throw new Error(`${file} has a line of more than 64 KiB: it is not a list of ids`);
  }
  if (rest.length > 0) yield rest;
}

function joined(rest: Buffer, more: Buffer): Buffer {
  return rest.length === 0 ? more : Buffer.concat([rest, more]);
}

/** Null for a line that is passed over. */
function readLine(bytes: Buffer, number: number): { companyId: string } | { fault: string } | null {
  if (!isUtf8(bytes)) return { fault: 'is not UTF-8' };
  let text = bytes.toString();
  if (number === 1 && text.startsWith(BYTE_ORDER_MARK)) text = text.slice(1);
  if (text.endsWith('\r')) text = text.slice(0, -1);
  if (text.trim() === '' || text.startsWith('#')) return null;
  if (text.startsWith('"')) return readQuoted(text);
  // A wrong id would silence nobody, and nobody would notice.
  if (text !== text.trim()) return { fault: 'has white space at an end: write the id as "..." if that is part of it' };
  const tooLong = faultOfLength(text);
  if (tooLong !== null) return tooLong;
  if (/\p{Cc}/u.test(text)) return { fault: 'has a tab or another control character: is there more than the id?' };
  return { companyId: text };
}

function readQuoted(text: string): { companyId: string } | { fault: string } {
  let id: unknown;
  try {
    id = JSON.parse(text);
  } catch {
    return { fault: 'begins with " and is not a text of JSON' };
  }
  if (typeof id !== 'string' || id === '') return { fault: 'is an empty id' };
  if (Buffer.from(id).toString() !== id) return { fault: 'has half a character (an unpaired surrogate)' };
  return faultOfLength(id) ?? { companyId: id };
}

function faultOfLength(id: string): { fault: string } | null {
  const bytes = utf8Bytes(id);
  return bytes <= MAX_TEXT_BYTES ? null : { fault: `has ${bytes} bytes: an id has at most ${MAX_TEXT_BYTES}` };
}
