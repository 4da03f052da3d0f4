/** The versions that tests, demo and benches use. docker-compose.yml and deploy/ name the same versions. */
export const KAFKA_VERSION = '4.3.1';

/** The releases that chaos runs can use. */
export const KAFKA_VERSIONS: readonly string[] = ['3.9.1', '4.0.2', '4.2.2', KAFKA_VERSION, '4.4.0'];

/**
 * Apicurio Registry's releases, newest first, each with the oldest Java that runs it and the way to launch it from its
 * archive. Containers always use the newest.
 */
export const registryReleases = [
  { version: '3.3.3', java: 21, launch: ['-jar', 'quarkus-run.jar'] },
  { version: '3.0.9', java: 17, launch: ['-cp', '*:lib/*', 'io.quarkus.runner.GeneratedMain'] },
] as const;
