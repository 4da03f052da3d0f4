import { runToEnd } from './run-to-end.js';

const TIMEOUT_MS = 5_000;

/** Whether the docker command reaches an engine. */
export async function dockerAnswers(): Promise<boolean> {
  try {
    await runToEnd('docker', ['info'], { timeoutMs: TIMEOUT_MS });
    return true;
  } catch {
    return false; // No command, no engine, or one that hangs: each means that Docker is not to be used.
  }
}
