/** Some tests of the jest project `kafka`, with Kafka and registry in containers that testcontainers makes. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Checks } from './checks.js';
import { ROOT } from './images.js';
import { say } from './say.js';

/** Between them they use all that a cluster offers: its tools, kills, stops and starts of brokers and registry. */
const FILES = ['cluster', 'main-path', 'registry-outage'];
/** Some minutes where nothing else runs. */
const TIMEOUT_MS = 900_000;

/** What `jest --json` writes, as far as it is read here. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numRuntimeErrorTestSuites: number;
}

/**
 * @param reaper whether testcontainers may start the container that removes what a killed run left: its image must be
 * there
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
    // A run that ran nothing, or failed for a reason that no test shows.
    const untold = failed === 0 && (exitCode !== 0 || numPassedTests === 0) ? 1 : 0;
    checks.add(numPassedTests, failed + untold);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @returns its exit code, null where a signal ended it */
function jest(report: string, reaper: boolean): Promise<number | null> {
  const pattern = `--testPathPatterns=test/integration/(${FILES.join('|')})\\.test\\.ts$`;
  const program = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
  const words = [program, '--selectProjects=kafka', '--maxWorkers=1', pattern, '--json', `--outputFile=${report}`];
  const env = { ...process.env };
  // The tests are to make a cluster, not to use one that these name.
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
