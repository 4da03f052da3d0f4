import { runToEnd } from '../cluster/run-to-end.js';

/**
 * Limits the size of each file that a running process writes (RLIMIT_FSIZE). With the limit 0, no write to a file
 * succeeds. Only the soft limit changes: a process without privileges may raise it again.
 */
export async function limitFiles(pid: number, bytes: number | 'unlimited'): Promise<void> {
  await runToEnd('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`]);
}
