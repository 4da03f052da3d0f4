import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';

/**
 * Processes and folders that must not outlive this process. They end with this process in three cases: `exit` (also
 * after an uncaught error), a signal that no other code handles, and kill -9. For kill -9, the kernel kills commands
 * that were started through `spawnWithParent`, if the system has setpriv(1).
 */
const children = new Set<ChildProcess>();
const folders = new Set<string>();
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
let installed = false;

export function endWithParent(child: ChildProcess): void {
  install();
  children.add(child);
  child.once('exit', () => children.delete(child));
}

/** The folder is removed when this process ends, unless `keepFolder` was called. */
export function removeWithParent(folder: string): void {
  install();
  folders.add(folder);
}

export function keepFolder(folder: string): void {
  folders.delete(folder);
}

const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path));

/**
 * Starts a process that ends with this one. If the system has setpriv(1), the kernel ends it (PR_SET_PDEATHSIG). Then
 * the process has a process group of its own: Ctrl-C reaches only this process, which stops its children cleanly.
 */
export function spawnWithParent(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  const child =
    setpriv === undefined
      ? spawn(command, args, options)
      : spawn(setpriv, ['--pdeathsig', 'KILL', '--', command, ...args], { ...options, detached: true });
  endWithParent(child);
  return child;
}

function install(): void {
  if (installed) return;
  installed = true;
  process.once('exit', cleanUp);
  for (const signal of signals) {
    const handler = (): void => {
      // If there is another listener, that code stops cleanly and exits by itself.
      if (process.listenerCount(signal) > 1) return;
      cleanUp();
      process.removeListener(signal, handler);
      process.kill(process.pid, signal);
    };
    process.on(signal, handler);
  }
}

function cleanUp(): void {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
