/** Makes a copy of the tree with one planted fault, and searches it for that fault. */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Change, PlantedFault } from './pipeline-faults.js';

const COPIED = ['src', 'testkit', 'examples', 'schemas', 'package.json', 'tsconfig.json'];

/** @throws if the source has changed so that the fault can no longer be planted */
export function sourceWith({ file, from, to }: Change, source: string): string {
  if (source.split(from).length !== 2)
    throw new Error(`a planted fault needs this text once in ${file}: ${JSON.stringify(from)}`);
  return source.replace(from, () => to);
}

/** Runs the search with these arguments. @returns all that it prints */
export type RunSearch = (search: readonly string[]) => Promise<string>;

/**
 * Runs the search on a copy with the fault.
 *
 * @param root of the tree
 * @param search the arguments of the search
 * @returns the number of seeds after which it was found; null if it was not found
 */
export async function seedsUntilFound(
  root: string,
  fault: PlantedFault,
  search: readonly string[],
): Promise<number | null> {
  const output = await withPlanted(root, fault, (run) => run(search));
  const found = /^seed \d+ FAILED after (\d+) seeds/m.exec(output);
  if (found === null && !/\b0 failed;/.test(output)) throw new Error(`the search did not run:\n${output}`);
  return found === null ? null : Number(found[1]);
}

/** Makes a copy with the fault, and removes it after `use`. */
export async function withPlanted<T>(
  root: string,
  fault: PlantedFault,
  use: (runSearch: RunSearch) => Promise<T>,
): Promise<T> {
  const copy = mkdtempSync(join(tmpdir(), 'planted-'));
  try {
    for (const name of COPIED) cpSync(join(root, name), join(copy, name), { recursive: true });
    symlinkSync(resolve(root, 'node_modules'), join(copy, 'node_modules'));
    for (const change of fault.changes) {
      const file = join(copy, change.file);
      writeFileSync(file, sourceWith(change, readFileSync(file, 'utf8')));
    }
    return await use((search) => outputOf(copy, search));
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function outputOf(folder: string, search: readonly string[]): Promise<string> {
  const args = ['--import', 'tsx', 'testkit/simulation/main.ts', ...search];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const pieces: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece: Buffer) => pieces.push(piece));
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', () => done(Buffer.concat(pieces).toString()));
  });
}
