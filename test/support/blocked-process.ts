/** A process that blocks its event loop for good, or stops slowly: `blocked-process.ts <blocked|slow> <killAfterMs>`. */
import { constants } from 'node:os';
import { watchStops } from '../../src/command/stop-watchdog.js';

const [how, killAfterMs] = process.argv.slice(2);
const SLOW_STOP_MS = 2_000;

// Keeps it running until it has stopped. It then ends by itself: nothing else may keep it.
const running = setInterval(() => undefined, SLOW_STOP_MS);
process.once('SIGTERM', () => setTimeout(() => clearInterval(running), SLOW_STOP_MS));
void watchStops(
  [constants.signals.SIGTERM],
  (reason) => process.stdout.write(`unavailable: ${reason}\n`),
  killAfterMs === undefined ? undefined : Number(killAfterMs),
).then(() => {
  process.stdout.write('ready\n');
  // After the line is out.
  if (how === 'blocked')
    setTimeout(() => {
      for (;;);
    }, 100);
});
