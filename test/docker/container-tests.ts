/** Runs some tests of the Jest project `kafka`, with Kafka and registry in containers of testcontainers. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Checks } from './checks.js';
import { ROOT } from './images.js';
import { say } from './say.js';

/** Together they use all functions of a cluster: its tools, kills, stops and starts of brokers and registry. */
const FILES = ['cluster', 'main-path', 'registry-outage'];
/** It takes a few minutes on an idle machine. */
const TIMEOUT_MS = 900_000;

/** The part of the output of `jest --json` that is read here. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numRuntimeErrorTestSuites: number;
}

/**
 * @param reaper whether testcontainers may start the container that removes the containers of a killed run: its image
 *   must exist
 */
export async function runTestsOnContainers(checks: Checks, reaper: boolean): Promise<void> {
  say(`running the tests ${FILES.join(', ')} on containers`);
  const folder = await mkdtemp(join(tmpdir(), 'company-sync-docker-tests-'));
  try {
    const file = join(folder, 'report.json');
    const exitCode = await jest(file, reaper);
    const report = JSON.parse(await readFile(file, 'utf8').catch(() => '{}')) as Partial<Report>;
    const { numPassedTests = 0, numFailedTests = 0, numRuntimeErrorTestSuites = 0 } = report;
    const failed = numFailedTests + numRuntimeErrorTestSuites;
    // A run without any test, or one that failed outside of its tests.
    const untold = failed === 0 && (exitCode !== 0 || numPassedTests === 0) ? 1 : 0;
    checks.add(numPassedTests, failed + untold);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @returns its exit code; null if a signal ended it */
function jest(report: string, reaper: boolean): Promise<number | null> {
  const pattern = `--testPathPatterns=test/integration/(${FILES.join('|')})\\.test\\.ts$`;
  const program = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
  const words = [program, '--selectProjects=kafka', '--maxWorkers=1', pattern, '--json', `--outputFile=${report}`];
  const env = { ...process.env };
  // The tests must start a cluster, and not use one that these variables name.
  delete env['KAFKA_BROKERS'];
  delete env['SCHEMA_REGISTRY_URL'];
  if (!reaper) env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, words, {
      cwd: ROOT,
      env,
      timeout: TIMEOUT_MS,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    child.once('error', reject);
    child.once('close', resolve);
  });
}
