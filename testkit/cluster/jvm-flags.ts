import type { Profile } from './cluster.js';

/**
 * Flags of a broker's JVM. For tests: a quick start, and three brokers in little memory. For benches: Kafka's own
 * flags.
 */
export function brokerJvmFlags(profile: Profile): string[] {
  switch (profile) {
    case 'test':
      return ['-Xms128m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
    case 'bench':
      return ['-Xms1g', '-Xmx1g', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-XX:InitiatingHeapOccupancyPercent=35'];
  }
}

/** Flags for command-line tools, which run for a second. */
export const toolJvmFlags: readonly string[] = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
