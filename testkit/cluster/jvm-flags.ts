import type { Profile } from './cluster.js';

/** Flags of a broker's JVM: for tests a quick start and three brokers in little memory; for benches Kafka's own. */
export function brokerJvmFlags(profile: Profile): string[] {
  switch (profile) {
    case 'test':
      return ['-Xms128m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
    case 'bench':
      return ['-Xms1g', '-Xmx1g', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-XX:InitiatingHeapOccupancyPercent=35'];
  }
}

/** For command-line tools, which live a second. */
export const toolJvmFlags: readonly string[] = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
