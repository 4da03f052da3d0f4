/**
 * A process that blocks its event loop permanently, or stops slowly: `blocked-process.ts <blocked|slow> <killAfterMs>`.
 */
import { constants } from 'node:os';
import { watchStops } from '../../src/command/stop-watchdog.js';

const [how, killAfterMs] = process.argv.slice(2);
const SLOW_STOP_MS = 2_000;

// Keeps the process running until it has stopped. Then the process ends by itself, because nothing else keeps it
// running.
const running = setInterval(() => undefined, SLOW_STOP_MS);
process.once('SIGTERM', () => setTimeout(() => clearInterval(running), SLOW_STOP_MS));
void watchStops(
  [constants.signals.SIGTERM],
  (reason) => process.stdout.write(`unavailable: ${reason}\n`),
  killAfterMs === undefined ? undefined : Number(killAfterMs),
).then(() => {
  process.stdout.write('ready\n');
  // After the line was written.
  if (how === 'blocked')
    setTimeout(() => {
      for (;;);
    }, 100);
});
