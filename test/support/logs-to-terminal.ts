/** Logs without end, until it has logged far more than a terminal takes. Then it writes `done` to file 9. */
import { writeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { MAX_WAITING_CHARACTERS } from '../../src/ops/log-output.js';
import { createLogger } from '../../src/ops/logger.js';

const LINE = 'x'.repeat(10_000);
const logger = createLogger({ level: 'info', pid: 1, hide: (text) => text, now: () => Date.now() });
for (let logged = 0; logged < 4 * MAX_WAITING_CHARACTERS; logged += LINE.length) {
  logger.info(LINE);
  await setImmediate();
}
writeSync(9, 'done');
process.exit(0);
