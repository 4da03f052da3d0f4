/** Reads from the kernel which resources a process has used. */
import { readFileSync } from 'node:fs';

export interface Usage {
  /** CPU time of all threads since the start, in microseconds. */
  readonly userUs: number;
  readonly systemUs: number;
}

/** In /proc, Linux counts CPU time in hundredths of a second, independent of the kernel's own tick. */
const CLOCK_TICK_US = 10_000;
const KIB = 1024;
/** `utime` among the fields of /proc/<pid>/stat after the command's name; `stime` follows it. */
const UTIME_FIELD = 11;

export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = (field: number): number => Number(fields[field]) * CLOCK_TICK_US;
  return { userUs: ticks(UTIME_FIELD), systemUs: ticks(UTIME_FIELD + 1) };
}

export function usedSince(before: Usage, after: Usage): Usage {
  return { userUs: after.userUs - before.userUs, systemUs: after.systemUs - before.systemUs };
}

/** CPU time of all threads since the start, in microseconds. */
export function cpuUsOf(pid: number): number {
  const { userUs, systemUs } = usageOf(pid);
  return userUs + systemUs;
}

/** The present resident memory, in bytes. */
export function residentMemory(pid: number): number {
  return statusOf(pid, 'VmRSS');
}

/** The highest resident memory so far, in bytes. */
export function peakMemory(pid: number): number {
  return statusOf(pid, 'VmHWM');
}

function statusOf(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * KIB;
}
