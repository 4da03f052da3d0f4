/** Every input of the fuzzing corpus, and a few changed ones: `npm run fuzz` searches for longer. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CORPUS, corpusOf } from '../../../testkit/fuzz/corpus.js';
import { execute } from '../../../testkit/fuzz/execute.js';
import { fuzz } from '../../../testkit/fuzz/fuzz.js';
import type { FuzzTarget } from '../../../testkit/fuzz/target.js';
import { TARGETS } from '../../../testkit/fuzz/targets/all-targets.js';
import { Watchdog } from '../../../testkit/fuzz/watchdog.js';

const RUN_MS = 250;
/** Jest cannot end a loop that never returns. */
const HANGS_AFTER_MS = 30_000;
const MAX_CORPUS_BYTES = 300_000;
const MAX_SEED = 2 ** 32;

describe.each(TARGETS)('$name', (target) => {
  test('handles every input of its corpus', async () => {
    const opened = await target.open();
    const corpus = corpusOf(target.name);
    expect(corpus.length).toBeGreaterThan(0);
    const findings: string[] = [];
    const watchdog = watchdogOf(target);
    for (const { path, bytes } of corpus) {
      const finding = await watchdog.during(bytes, () => execute(target, opened, bytes));
      if (finding !== null) findings.push(`${path}: ${finding.what}`);
    }
    await watchdog.close();
    await opened.close?.();
    expect(findings).toEqual([]);
  });

  test('handles changed inputs', async () => {
    const seed = Date.now() % MAX_SEED;
    const opened = await target.open();
    const corpus = corpusOf(target.name).map(({ bytes }) => bytes);
    const watchdog = watchdogOf(target);
    const { failure } = await fuzz(target, opened, corpus, { seed, maxRuns: Infinity, maxMs: RUN_MS, watchdog });
    await watchdog.close();
    await opened.close?.();
    const found =
      failure &&
      `${failure.finding.what}\nseed ${seed}, input ${failure.input.toString('hex')} (npm run fuzz -- --help)`;
    expect(found).toBeNull();
  });

  test('has its valid samples in the corpus', async () => {
    for (const [name, bytes] of await target.samples())
      expect(readFileSync(join(CORPUS, target.name, `sample-${name}`)).toString('hex')).toBe(bytes.toString('hex'));
  });
});

/** Ends the test process, with a message, if an input never returns. */
function watchdogOf({ name, maxInputBytes }: FuzzTarget): Watchdog {
  const file = join(tmpdir(), `company-sync-fuzz-${name}`);
  const message = `${name}: an input has not returned after ${HANGS_AFTER_MS / 1_000} s. It is in ${file}`;
  return new Watchdog(maxInputBytes, { limitMs: HANGS_AFTER_MS, file, message });
}

test('the corpus is small, and each of its folders has a target', () => {
  const folders = readdirSync(CORPUS, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [entry.name] : [],
  );
  expect(folders.sort()).toEqual(TARGETS.map(({ name }) => name).sort());
  const files = folders.flatMap((folder) =>
    readdirSync(join(CORPUS, folder)).map((file) => join(CORPUS, folder, file)),
  );
  expect(files.reduce((sum, file) => sum + statSync(file).size, 0)).toBeLessThan(MAX_CORPUS_BYTES);
});

test('a target reads the answer to every request of src/kafka/protocol', () => {
  const folder = join(__dirname, '../../../src/kafka/protocol');
  const target = readFileSync(join(CORPUS, '../targets/protocol-answers.ts'), 'utf8');
  const deciding = readdirSync(folder).filter((file) =>
    /\b(?:protocolCall|fetchCallOf)(?:<[^>]*>)?\(|: ProtocolCall<object> \{/.test(
      readFileSync(join(folder, file), 'utf8'),
    ),
  );
  expect(deciding.length).toBeGreaterThan(15);
  // These two make calls for the others.
  const requests = deciding.filter((file) => !['protocol-call.ts', 'fetch-shared.ts'].includes(file));
  expect(requests.filter((file) => !target.includes(file.replace(/\.ts$/, '.js')))).toEqual([]);
});
