/** The corpus: one folder for each target, one file for each input. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join, relative } from 'node:path';

export const CORPUS = join(import.meta.dirname, 'corpus');

export interface CorpusFile {
  /** The path below the folder of the repository's root. */
  readonly path: string;
  readonly bytes: Buffer;
}

export function corpusOf(target: string): CorpusFile[] {
  const folder = join(CORPUS, target);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => ({ path: relative(process.cwd(), join(folder, name)), bytes: readFileSync(join(folder, name)) }));
}

/** @returns the path, from the working folder */
export function save(target: string, name: string, bytes: Buffer): string {
  const folder = join(CORPUS, target);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), bytes);
  return relative(process.cwd(), join(folder, name));
}

/** A name that the same bytes always get. */
export function nameOf(kind: 'crash' | 'found', bytes: Buffer): string {
  return `${kind}-${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}`;
}

export function remove(target: string, name: string): void {
  rmSync(join(CORPUS, target, name), { force: true });
}
