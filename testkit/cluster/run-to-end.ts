import { spawn } from 'node:child_process';

export interface RunOptions {
  readonly cwd?: string;
  /** The command is killed after this time. Without it, there is no time limit. */
  readonly timeoutMs?: number;
}

const OUTPUT_SHOWN_ON_FAILURE = 4_000;

/**
 * Runs a command to its end. Resolves to its standard output. If it exits with another code than 0, rejects with all
 * output.
 */
export function runToEnd(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const { cwd, timeoutMs } = options;
    const child = spawn(command, args, { cwd, timeout: timeoutMs, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let all = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      all += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (all += text));
    child.once('error', (cause) => reject(new Error(`${command} could not be run`, { cause })));
    child.once('close', (code, signal) => {
      if (code === 0) resolve(stdout);
      else {
        const line = [command, ...args].join(' ');
        reject(new Error(`exit ${code ?? signal} of ${line}:\n${all.slice(-OUTPUT_SHOWN_ON_FAILURE)}`));
      }
    });
  });
}
