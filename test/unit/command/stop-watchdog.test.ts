/** Stops a process whose event loop is blocked, and a process that is only slow: whole processes, real signals. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KILL_AFTER_MS } from '../../../src/command/stop-watchdog.js';

const PROGRAM = join(__dirname, '..', '..', 'support', 'blocked-process.ts');
/** The time that a stop may take. */
const STOP_LIMIT_MS = 10_000;

async function stop(how: 'blocked' | 'slow', ...killAfterMs: string[]) {
  const child = spawn(process.execPath, ['--import', 'tsx', PROGRAM, how, ...killAfterMs], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    expect(String(said)).toBe('ready\n');
    if (how === 'blocked') await blocked(child.pid ?? 0);
    const begun = performance.now();
    child.kill('SIGTERM');
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    return { code, signal, afterMs: performance.now() - begun };
  } finally {
    child.kill('SIGKILL');
  }
}

/** Waits until the process computes without a pause. */
async function blocked(pid: number): Promise<void> {
  const ticks = () => Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[11]);
  const begun = ticks();
  while (ticks() < begun + 30) await new Promise((resolve) => setTimeout(resolve, 50));
}

test('a process whose event loop is blocked ends within 10 s of SIGTERM, by SIGKILL', async () => {
  const { signal, afterMs } = await stop('blocked');
  expect(signal).toBe('SIGKILL');
  expect(afterMs).toBeGreaterThan(KILL_AFTER_MS - 100);
  expect(afterMs).toBeLessThan(STOP_LIMIT_MS);
});

test('a slow stop ends by itself, and without a signal the thread does not keep the process running', async () => {
  expect(await stop('slow', '4000')).toMatchObject({ code: 0, signal: null });
});
