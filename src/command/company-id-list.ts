/** A list of companyIds in a file, one per line. Memory does not grow with the list. */
import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { open, rm, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../lib/temporary-folder.js';
import { MAX_TEXT_BYTES, utf8Bytes } from '../domain/limits.js';

/** Longer than any id. A file with a longer line is not a list of ids. */
const MAX_LINE_BYTES = 65_536;
const CHUNK_BYTES = 65_536;
const LINE_FEED = 0x0a;
const BYTE_ORDER_MARK = '\uFEFF';

export interface ListedLine {
  /** Counted from 1. */
  readonly number: number;
  /** Null if the line is not an id; `fault` then describes why. */
  readonly companyId: string | null;
  readonly fault: string | null;
}

/** A file that can be read more than once. */
export class CompanyIdList {
  private constructor(
    private readonly file: string,
    /** The copy of an input that can be read only once; null if no copy was needed. */
    private readonly copy: FileHandle | null,
  ) {}

  /**
   * Opens the list. If the input is not a regular file, such as a pipe, it is first copied to a file in TMPDIR. That file
   * has no name any more, so the system removes it even if this process is killed.
   * @param file - for standard input
   */
  static async open(file: string): Promise<CompanyIdList> {
    if (file !== '-' && (await stat(file)).isFile()) return new CompanyIdList(file, null);
    const copy = await namelessFile();
    try {
      const input: AsyncIterable<Buffer> = file === '-' ? process.stdin : createReadStream(file);
      for await (const chunk of input) await copy.appendFile(chunk);
    } catch (error) {
      await copy.close();
      throw error;
    }
    return new CompanyIdList(file, copy);
  }

  async close(): Promise<void> {
    await this.copy?.close();
  }

  /** Yields ids and faults in the order of the file. Empty lines and comments are skipped. */
  async *lines(): AsyncGenerator<ListedLine, void, undefined> {
    let number = 0;
    const chunks = this.copy === null ? createReadStream(this.file) : chunksOf(this.copy);
    for await (const bytes of linesOf(chunks, this.file)) {
      number++;
      const line = readLine(bytes, number);
      if (line !== null) yield { number, companyId: null, fault: null, ...line };
    }
  }
}

/** Opens a new file for reading and writing, and removes its name. */
async function namelessFile(): Promise<FileHandle> {
  const folder = await temporaryFolder('company-ids-');
  try {
    return await open(join(folder, 'ids'), 'wx+');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Reads a file from its start, whatever was read of it before. */
async function* chunksOf(file: FileHandle): AsyncGenerator<Buffer, void, undefined> {
  for (let position = 0; ;) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, position);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    position += bytesRead;
  }
}

async function* linesOf(chunks: AsyncIterable<Buffer>, file: string): AsyncGenerator<Buffer, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, from)) {
      yield joined(rest, chunk.subarray(from, end));
      rest = Buffer.alloc(0);
      from = end + 1;
    }
    rest = joined(rest, chunk.subarray(from));
    if (rest.length > MAX_LINE_BYTES)
      throw new Error(`${file} has a line of more than 64 KiB: pass a file with one companyId per line`);
  }
  if (rest.length > 0) yield rest;
}

function joined(rest: Buffer, more: Buffer): Buffer {
  return rest.length === 0 ? more : Buffer.concat([rest, more]);
}

/** Returns null for a line that is skipped. */
function readLine(bytes: Buffer, number: number): { companyId: string } | { fault: string } | null {
  if (!isUtf8(bytes)) return { fault: 'is not UTF-8' };
  let text = bytes.toString();
  if (number === 1 && text.startsWith(BYTE_ORDER_MARK)) text = text.slice(1);
  if (text.endsWith('\r')) text = text.slice(0, -1);
  if (text.trim() === '' || text.startsWith('#')) return null;
  if (text.startsWith('"')) return readQuoted(text);
  // A record with a wrong id would silence no company, and nobody would notice.
  if (text !== text.trim())
    return { fault: 'has white space at an end: if the white space is part of the id, write the id as "..."' };
  const tooLong = faultOfLength(text);
  if (tooLong !== null) return tooLong;
  if (/\p{Cc}/u.test(text))
    return { fault: 'has a tab or another control character: write only the id, or write it as a JSON string' };
  return { companyId: text };
}

function readQuoted(text: string): { companyId: string } | { fault: string } {
  let id: unknown;
  try {
    id = JSON.parse(text);
  } catch {
    return { fault: 'begins with " and is not a JSON string' };
  }
  if (typeof id !== 'string' || id === '') return { fault: 'is an empty id' };
  if (Buffer.from(id).toString() !== id) return { fault: 'has half a character (an unpaired surrogate)' };
  return faultOfLength(id) ?? { companyId: id };
}

function faultOfLength(id: string): { fault: string } | null {
  const bytes = utf8Bytes(id);
  return bytes <= MAX_TEXT_BYTES ? null : { fault: `has ${bytes} bytes: an id has at most ${MAX_TEXT_BYTES}` };
}
