/** Commands in messages, which a person copies into a shell. */
import { printable } from './printable.js';

const WITHOUT_QUOTES = /^[\w@%+=:,./-]+$/;
/** As a command of this program begins in a message: settings are added to it, which must not happen inside a word. */
const OWN_NAME = 'company-sync ';
/** A word that ends so is quoted: together with the word after it, it could read as a command. */
const OWN_WORD = OWN_NAME.trimEnd();

/**
 * One word of a command, quoted if a POSIX shell would change it. Characters that `printable` escapes are written as the
 * bytes of their UTF-8, which $'...' reads back. Otherwise the command that a person copies would name another id. So is
 * the space of a command of this program, so that `AddSettings` finds none in the word.
 */
export function shellQuoted(word: string): string {
  if (WITHOUT_QUOTES.test(word) && !word.endsWith(OWN_WORD)) return word;
  if (printable(word) === word && !word.includes(OWN_NAME)) return `'${word.replaceAll("'", `'\\''`)}'`;
  const characters = Array.from(word, (character) => {
    if (character === "'" || character === '\\') return `\\${character}`;
    return printable(character) === character ? character : octal(character);
  });
  return `$'${characters.join('').replaceAll(OWN_NAME, `${OWN_WORD}${octal(' ')}`)}'`;
}

/**
 * Text or JSON of others that is not quoted as a word, such as a reason with names of a schema. `AddSettings` finds no
 * command in it: the space of each is escaped, so JSON stays the same JSON.
 */
export function withoutCommands(text: string): string {
  return text.replaceAll(OWN_NAME, `${OWN_WORD}\\u0020`);
}

function octal(character: string): string {
  return Array.from(Buffer.from(character), (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
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
