/**
 * Ends the process when it was told to stop and its event loop is blocked: no handler of the main thread runs then, so
 * a thread of its own listens for the signal. That thread sleeps in its event loop otherwise and costs nothing.
 */
import { Worker } from 'node:worker_threads';

/**
 * From the signal on. Longer than `run` waits for a stop that hangs (9 s), so that a slow stop ends by itself; shorter
 * than the 10 s that a stop may take.
 */
export const KILL_AFTER_MS = 9_600;

/**
 * A worker has no `process.on` for signals: it takes the handle below that. If a release of Node hides it, the worker
 * says so, and a stop of a blocked process takes until the orchestrator kills it.
 */
const WATCH = `
const { parentPort, workerData } = require('node:worker_threads');
try {
  const { Signal } = require('internal/test/binding').internalBinding('signal_wrap');
  for (const signal of workerData.signals) {
    const handle = new Signal();
    handle.onsignal = () => setTimeout(() => process.kill(process.pid, 'SIGKILL'), workerData.killAfterMs);
    const error = handle.start(signal);
    if (error !== 0) throw new Error('error ' + error);
  }
  parentPort.postMessage(null);
} catch (error) {
  parentPort.postMessage(String(error));
}`;

/** Megabytes that the thread's heap may have; Node's own start takes most of them. */
const HEAP_MB = 32;

/**
 * Watches until the process ends; never keeps it running. SIGKILL leaves no exit code: a shell shows 137.
 * @param signals by number
 * @param onUnavailable told why nothing is watched
 * @returns once it watches, or cannot
 */
export async function watchStops(
  signals: readonly number[],
  onUnavailable: (reason: string) => void,
  killAfterMs = KILL_AFTER_MS,
): Promise<void> {
  const worker = new Worker(WATCH, {
    eval: true,
    workerData: { signals, killAfterMs },
    execArgv: ['--expose-internals', '--no-warnings'],
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
  });
  worker.unref();
  const reason = await new Promise<string | null>((resolve) => {
    worker.once('message', resolve);
    worker.once('error', (error) => resolve(String(error)));
    worker.once('exit', () => resolve('its thread has ended'));
  });
  if (reason !== null) onUnavailable(reason);
}
