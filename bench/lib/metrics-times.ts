/** Requests GET /metrics from a separate process, so that the times do not include the work of the bench. */
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { endWithParent } from '../../testkit/cluster/end-with-parent.js';

export interface AnswerTime {
  /** The time from the request to the end of the answer. */
  readonly ms: number;
  /** The CPU time of the instance's main thread meanwhile. The load of other processes does not count. */
  readonly cpuMs: number;
  /** The instance's memory according to the answer, in bytes. */
  readonly memory: Readonly<Record<MemoryPart, number>>;
}

const MEMORY_METRICS = {
  resident: 'process_resident_memory_bytes',
  heap: 'nodejs_heap_size_total_bytes',
  external: 'nodejs_external_memory_bytes',
} as const;
export type MemoryPart = keyof typeof MEMORY_METRICS;

interface ProbeOptions {
  readonly address: string;
  readonly pid: number;
  readonly intervalMs: number;
}

const OWN_FILE = fileURLToPath(import.meta.url);
const NS_PER_MS = 1_000_000;

/** The times of all answers until `signal` aborts. */
export function metricsTimes(options: ProbeOptions, signal: AbortSignal): Promise<AnswerTime[]> {
  return new Promise((resolve, reject) => {
    const child = fork(OWN_FILE, [JSON.stringify(options)]);
    endWithParent(child);
    signal.addEventListener('abort', () => child.connected && child.send('stop'), { once: true });
    child.once('message', (times: AnswerTime[]) => resolve(times)).once('error', reject);
    child.once('close', (code) => reject(new Error(`asking for /metrics ended with exit code ${code}`)));
  });
}

if (process.argv[1] === OWN_FILE) await ask(JSON.parse(process.argv[2] as string) as ProbeOptions);

async function ask({ address, pid, intervalMs }: ProbeOptions): Promise<void> {
  const times: AnswerTime[] = [];
  let stopped = false;
  process.once('message', () => (stopped = true));
  while (!stopped) {
    const [asked, cpu] = [performance.now(), mainThreadMs(pid)];
    const answer = await fetch(`${address}/metrics`);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`GET /metrics answered ${answer.status}`);
    const ms = performance.now() - asked;
    times.push({ ms, cpuMs: mainThreadMs(pid) - cpu, memory: memoryIn(text) });
    await delay(intervalMs);
  }
  process.send?.(times, () => process.disconnect());
}

function memoryIn(metrics: string): AnswerTime['memory'] {
  const valueOf = (name: string): number => Number(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'm').exec(metrics)?.[1]);
  const { resident, heap, external } = MEMORY_METRICS;
  return { resident: valueOf(resident), heap: valueOf(heap), external: valueOf(external) };
}

/** The CPU time of a process's main thread, from the scheduler's statistics. */
function mainThreadMs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]) / NS_PER_MS;
}
