/** Finds shell blocks of the documents that a shell cannot read, for example because lines were joined. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { documents, ROOT } from '../support/documents.js';

/** The blocks marked as shell, also those inside of a list. */
function shellBlocksOf(markdown: string): string[] {
  return [...markdown.matchAll(/^ *```(?:sh|bash|shell)\n([^]*?)^ *```$/gm)].map(([, block = '']) => block);
}

/** Words such as <companyId> stand for values: a shell would read them as redirections. */
function withValues(block: string): string {
  return block.replace(/<[A-Za-z][\w-]*>/g, 'value');
}

function problemOf(block: string): string | null {
  const { status, stderr } = spawnSync('bash', ['-n'], { input: withValues(block), encoding: 'utf8' });
  return status === 0 ? null : stderr;
}

test('a shell can read every shell block of a document', () => {
  const found = documents().flatMap((file) =>
    shellBlocksOf(readFileSync(file, 'utf8')).map((block) => ({ file: relative(ROOT, file), block })),
  );
  expect(found.length).toBeGreaterThan(10);
  const problems = found.map(({ file, block }) => ({ file, problem: problemOf(block) }));
  expect(problems.filter(({ problem }) => problem !== null)).toEqual([]);
});

test('a block whose lines were joined is found', () => {
  expect(problemOf('ids() {\n  sort -u\n}\nids notified.txt\n')).toBeNull();
  expect(problemOf('ids() {\n  sort -u\n} ids notified.txt\n')).toMatch('syntax error');
});
