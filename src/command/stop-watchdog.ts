/**
 * Ends the process if it must stop while its event loop is blocked. A blocked main thread runs no signal handler, so
 * another thread listens for the signal. Before the signal, that thread sleeps in its event loop and costs nothing.
 */
import { Worker } from 'node:worker_threads';

/**
 * Time from the signal to SIGKILL. It is longer than the 9 s that `run` waits for a stop that hangs, so a slow stop
 * ends by itself. It is shorter than the 10 s that a stop may take.
 */
export const KILL_AFTER_MS = 9_600;

/**
 * A worker has no `process.on` for signals, so it uses the internal handle below. If a release of Node hides that
 * handle, the worker reports it. Then a stop of a blocked process lasts until the orchestrator kills it.
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

/** Limit of the thread's heap in megabytes. Node's own start takes most of it. */
const HEAP_MB = 32;

/**
 * Watches until the process ends. Never keeps the process running. After SIGKILL there is no exit code: a shell shows
 * 137.
 * @param signals numbers of the signals
 * @param onUnavailable called with the reason if nothing is watched
 * @returns after the watch has begun or has failed
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
