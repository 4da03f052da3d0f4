/** The text of the one error that a newcomer is likely to see. */
export function nothingToRunKafka(missing: string, cause?: unknown): Error {
  return new Error(
    `Kafka cannot be started: no Docker engine answers, and there is ${missing} (looked at JAVA_HOME, /usr/lib/jvm and ` +
      'the PATH). Start Docker; or install a JDK, preferably 21 or later, and Maven (Debian: apt-get install ' +
      'default-jdk-headless maven); or name a running Kafka and registry in KAFKA_BROKERS and SCHEMA_REGISTRY_URL.',
    { cause },
  );
}
