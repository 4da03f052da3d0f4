/** Formats the figures that benches print. */
import { cpus, loadavg, release, totalmem } from 'node:os';
import { KAFKA_VERSION } from '../../testkit/cluster/versions.js';

const GIB = 2 ** 30;
const MIB = 2 ** 20;

/** Describes the machine and the versions of the software. A figure says little without them. */
export function describeMachine(): string {
  const processors = cpus();
  return [
    `${processors[0]?.model ?? 'unknown processor'} x ${processors.length}, ${(totalmem() / GIB).toFixed(0)} GiB`,
    `Linux ${release()}, load ${loadavg()
      .map((load) => load.toFixed(1))
      .join(' ')}`,
    `Node ${process.version}, Kafka ${KAFKA_VERSION}, one broker on this machine`,
  ].join('; ');
}

export function thousands(n: number): string {
  return Math.round(n).toLocaleString('en-US');
}

export function mebibytes(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}

/** @param sorted ascending, not empty @param share 0 to 1 */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] as number;
}

export function median(values: readonly number[]): number {
  return quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
}
