const { writeFileSync } = require('node:fs');

/** More than twice what the slowest file takes on two cores. */
const LIMIT_MINUTES = 12;

/**
 * A reporter that ends a run whose test file does not end, and names the file. Jest's own timeouts cannot: they do not
 * fire while the file blocks the event loop. What is known so far goes into the report of `--json --outputFile`.
 */
module.exports = class StuckFiles {
  #running = new Map();
  #results = { numPassedTests: 0, numFailedTests: 0, numRuntimeErrorTestSuites: 0, testResults: [] };
  #outputFile;

  constructor({ outputFile }) {
    this.#outputFile = outputFile;
    process.once('SIGTERM', () => this.#end('the run took too long'));
  }

  onTestFileStart({ path }) {
    const stuck = () => this.#end(`${path} did not end within ${LIMIT_MINUTES} min`);
    this.#running.set(path, setTimeout(stuck, LIMIT_MINUTES * 60_000).unref());
  }

  onTestFileResult({ path }, _result, results) {
    clearTimeout(this.#running.get(path));
    this.#running.delete(path);
    this.#results = results;
  }

  #end(reason) {
    const running = [...this.#running.keys()];
    console.error(`${reason}; not ended: ${running.join(', ')}`);
    if (this.#outputFile) writeFileSync(this.#outputFile, JSON.stringify(this.#report(running)));
    process.kill(0, 'SIGTERM'); // The whole group: a worker that is blocked ends no other way.
    process.exit(1);
  }

  #report(running) {
    const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites, testResults } = this.#results;
    const ended = testResults.map(({ testFilePath, perfStats, failureMessage, testResults: assertionResults }) => ({
      name: testFilePath,
      startTime: perfStats.start,
      endTime: perfStats.end,
      status: failureMessage ? 'failed' : 'passed',
      assertionResults,
    }));
    const notEnded = running.map((path) => ({ name: `not ended: ${path}`, status: 'failed', assertionResults: [] }));
    return {
      numPassedTests,
      numFailedTests,
      numRuntimeErrorTestSuites: numRuntimeErrorTestSuites + running.length,
      testResults: [...ended, ...notEnded],
    };
  }
};
