/** Asks GET /metrics in a thread of its own, so that the work of a bench is no part of the times. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

export interface AnswerTime {
  /** From the question to the whole answer. */
  readonly ms: number;
  /** How long the instance's main thread was on a processor meanwhile: a load of other processes is no part of it. */
  readonly cpuMs: number;
}

interface Questions {
  readonly address: string;
  readonly pid: number;
  readonly intervalMs: number;
}

const NS_A_MS = 1_000_000;

/** Of all answers until `signal` aborts. */
export function metricsTimes(questions: Questions, signal: AbortSignal): Promise<AnswerTime[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: questions });
    signal.addEventListener('abort', () => worker.postMessage('stop'), { once: true });
    worker.once('message', resolve).once('error', reject);
  });
}

if (!isMainThread) await ask(workerData as Questions);

async function ask({ address, pid, intervalMs }: Questions): Promise<void> {
  const times: AnswerTime[] = [];
  let stopped = false;
  parentPort?.once('message', () => (stopped = true));
  while (!stopped) {
    const [asked, cpu] = [performance.now(), mainThreadMs(pid)];
    const answer = await fetch(`${address}/metrics`);
    await answer.text();
    if (!answer.ok) throw new Error(`GET /metrics answered ${answer.status}`);
    times.push({ ms: performance.now() - asked, cpuMs: mainThreadMs(pid) - cpu });
    await delay(intervalMs);
  }
  parentPort?.postMessage(times);
}

/** The CPU time of a process's main thread, by the scheduler. */
function mainThreadMs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]) / NS_A_MS;
}
