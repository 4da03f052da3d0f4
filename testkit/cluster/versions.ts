/** What runs in tests, demo and benches; docker-compose.yml and deploy/ name the same. */
export const KAFKA_VERSION = '4.3.1';

/**
 * Apicurio Registry's releases by the oldest Java that runs them, newest first, and how each is launched from its
 * archive. Containers always get the newest.
 */
export const registryReleases = [
  { version: '3.3.3', java: 21, launch: ['-jar', 'quarkus-run.jar'] },
  { version: '3.0.9', java: 17, launch: ['-cp', '*:lib/*', 'io.quarkus.runner.GeneratedMain'] },
] as const;
