/** Ends the process of `company-sync run`. */

/** The part of the Node process that `run` needs. */
export type HostProcess = Pick<NodeJS.Process, 'once' | 'exit' | 'kill' | 'pid'>;

/**
 * Ends the process with `exitCode`.
 * @param hangsOnVolume a call to the state volume has not ended. Node's `exit` would wait for the thread of that call,
 *   so the process kills itself and has no exit code.
 */
export function endProcess(host: HostProcess, exitCode: number, hangsOnVolume: boolean): never {
  if (hangsOnVolume) host.kill(host.pid, 'SIGKILL');
  return host.exit(exitCode);
}
