/**
 * Faults to put into `src`, to prove that the search finds them: `npm run simulate -- --broken '<name>'`. A fault
 * replaces pieces of text in a copy of the source. Each piece must be there exactly once.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REPOSITORY } from '../command.js';

interface Change {
  /** Below src/. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const OLD_LEADERS: readonly Change[] = [
  {
    file: 'kafka/connection/leader-directory.ts',
    from: 'if (before === undefined || leader.epoch > before.epoch) latest',
    to: 'if (before === undefined) latest',
  },
  {
    file: 'kafka/connection/leader-directory.ts',
    from: 'address !== undefined && epoch >= highest',
    to: 'address !== undefined',
  },
];
const NO_PROVED_END: readonly Change[] = [
  { file: 'pipeline/commit-batch.ts', from: 'tail.mustFollow(changelogEnd - changed);', to: '' },
];
const NO_PROVED_CONTRADICTION: readonly Change[] = [
  { file: 'pipeline/partition-view.ts', from: 'proved: false,', to: 'proved: true,' },
];

/** Old views are refused in several places, so a fault in one of them alone changes little. */
export const DELIBERATE_FAULTS: Readonly<Record<string, readonly Change[]>> = {
  'old leaders are believed': OLD_LEADERS,
  'no write proves the end of the changelog': NO_PROVED_END,
  'no write proves a contradiction': NO_PROVED_CONTRADICTION,
  'old leaders are believed, and no write proves a contradiction': [...OLD_LEADERS, ...NO_PROVED_CONTRADICTION],
  'old leaders are believed, and no write proves anything': [
    ...OLD_LEADERS,
    ...NO_PROVED_CONTRADICTION,
    ...NO_PROVED_END,
  ],
  'positions are read before the fence': [
    {
      file: 'pipeline/take-over.ts',
      from: 'producer = await fence(context, partition);\n    const looked = await readView(context, partition);',
      to: 'const looked = await readView(context, partition);\n    producer = await fence(context, partition);',
    },
  ],
  'no fence': [
    {
      file: 'pipeline/fence.ts',
      from: 'return `${applicationId}-${input}-${partition}`;',
      to: 'return `${applicationId}-${input}-${partition}-${Math.random()}`;',
    },
  ],
  'the last batch is not undone': [
    { file: 'store/examine-store.ts', from: 'writes.push(...decodeUndo(undo), {', to: 'writes.push({' },
  ],
  'a commit without an answer counts as done': [
    {
      file: 'kafka/transactions/transactional-producer.ts',
      from: "throwRefused(await this.#send(coordinator, call), call.request.apiName);\n      this.#state = 'idle';",
      to: "await this.#send(coordinator, call).catch(() => undefined);\n      this.#over = null;\n      this.#state = 'idle';",
    },
  ],
  'aborted records are read': [
    {
      file: 'kafka/protocol/record-batch-decoder.ts',
      from: 'this.#aborted = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);',
      to: 'this.#aborted = [];',
    },
  ],
  'the restore ends at the old position': [
    { file: 'pipeline/take-over.ts', from: 'if (store.readFrom < changelog.end) {', to: 'if (store.readFrom > 1e9) {' },
  ],
};

/** Makes a copy of the repository whose source has the fault. @returns its folder, and what removes it */
export function brokenCopy(name: string): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'broken-'));
  for (const part of ['src', 'testkit', 'schemas', 'examples', 'package.json', 'tsconfig.json'])
    cpSync(join(REPOSITORY, part), join(folder, part), { recursive: true });
  symlinkSync(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'));
  for (const { file, from, to } of DELIBERATE_FAULTS[name] ?? []) {
    const path = join(folder, 'src', file);
    const pieces = readFileSync(path, 'utf8').split(from);
    if (pieces.length !== 2) throw new Error(`${file} has the text of '${name}' ${pieces.length - 1} times: ${from}`);
    writeFileSync(path, pieces.join(to));
  }
  return { folder, remove: () => rmSync(folder, { recursive: true }) };
}
