/** Commands in messages, which a person copies into a shell. */

const WITHOUT_QUOTES = /^[\w@%+=:,./-]+$/;

/** One word of a command, quoted if a POSIX shell would change it. */
export function shellQuoted(word: string): string {
  return WITHOUT_QUOTES.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * Adds the settings that were typed to each of this program's commands in a message. Without them, a copied command would
 * act on another cluster.
 */
export type AddSettings = (message: string) => string;

/** How the brokers are reached, as far as Kafka's tools need to know it. */
export interface ToolAccess {
  readonly brokers: readonly string[];
  /** With TLS or SASL, a tool needs a file with these settings. */
  readonly isSecured: boolean;
}

export type KafkaTool =
  | 'kafka-acls.sh'
  | 'kafka-configs.sh'
  | 'kafka-console-consumer.sh'
  | 'kafka-consumer-groups.sh'
  | 'kafka-transactions.sh';

/** Makes a command of one of Kafka's own tools. @param args already quoted */
export type KafkaCommand = (tool: KafkaTool, args: string) => string;

/** The only place that makes such a command: see "Kafka's own tools" in docs/operations.md about the file. */
export function kafkaCommandsFor({ brokers, isSecured }: ToolAccess): KafkaCommand {
  return (tool, args) => {
    // The console consumer knows --command-config only since Kafka 4.2.
    const flag = tool === 'kafka-console-consumer.sh' ? '--consumer.config' : '--command-config';
    const security = isSecured ? ` ${flag} client.properties` : '';
    return `${tool} --bootstrap-server ${shellQuoted(brokers.join(','))}${security} ${args}`;
  };
}
