import { runToEnd } from './run-to-end.js';

const TIMEOUT_MS = 5_000;

/** Whether the docker command reaches an engine. */
export async function dockerAnswers(): Promise<boolean> {
  try {
    await runToEnd('docker', ['info'], { timeoutMs: TIMEOUT_MS });
    return true;
  } catch {
    return false; // The command or the engine is missing, or the engine hangs: then Docker is not used.
  }
}
