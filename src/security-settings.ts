/** The security settings: which of them need each other, which are secrets, and which leave access open. */
import { isIP } from 'node:net';
import { SETTINGS, type SettingKey, type SettingValues } from './settings.js';

interface Login {
  readonly username: string;
  readonly password: string;
}

/** The part of the configuration that is about security. */
export interface SecuritySettings {
  readonly http: { readonly host: string; readonly tokens: readonly string[] };
  readonly kafka: {
    readonly brokers: readonly string[];
    readonly tls: { readonly client: { readonly key: string; readonly passphrase: string | null } | null } | null;
    readonly sasl: (Login & { readonly mechanism: string }) | null;
  };
  readonly schemaRegistry: { readonly url: string; readonly credentials: Login | null };
}

/** Adds a fault for each security setting that is missing although another one needs it. */
export function checkSecurity(values: Partial<SettingValues>, faults: string[]): void {
  const together = (group: readonly SettingKey[]): void => {
    const missing = group.filter((key) => values[key] === null);
    if (missing.length === 0 || missing.length === group.length) return;
    const given = group.filter((key) => values[key] !== null).map((key) => SETTINGS[key].env);
    for (const key of missing) faults.push(`${SETTINGS[key].env} is not set: expected with ${given.join(' and ')}`);
  };
  together(['kafkaSaslMechanism', 'kafkaSaslUsername', 'kafkaSaslPassword']);
  together(['schemaRegistryUsername', 'schemaRegistryPassword']);
  together(['kafkaSslCert', 'kafkaSslKey']);
  if (values.kafkaSslKeyPassphrase !== null && values.kafkaSslKey === null)
    faults.push('KAFKA_SSL_KEY is not set: expected with KAFKA_SSL_KEY_PASSPHRASE');
  if (values.kafkaSsl === false && hasCertificates(values))
    faults.push('KAFKA_SSL is "false": expected true with KAFKA_SSL_CA, KAFKA_SSL_CERT or KAFKA_SSL_KEY');
}

export function hasCertificates(values: Partial<SettingValues>): boolean {
  return values.kafkaSslCa !== null || values.kafkaSslCert !== null || values.kafkaSslKey !== null;
}

/**
 * The secrets that no output may contain. User names are not secrets: they are ordinary words, such as the application
 * id.
 */
export function secretsIn({ http, kafka, schemaRegistry }: SecuritySettings): string[] {
  const logins = [kafka.sasl, schemaRegistry.credentials].filter((login) => login !== null);
  const client = kafka.tls?.client;
  return [
    ...http.tokens,
    ...logins.flatMap(({ username, password }) => [password, `${username}:${password}`]),
    ...[client?.key, client?.passphrase].filter((secret) => typeof secret === 'string'),
  ];
}

/**
 * What these settings expose to the network, each with a remedy.
 *
 * These are warnings, not refusals: an instance that ran with such settings must not stop announcing after an upgrade.
 */
export function exposures({ http, kafka, schemaRegistry }: SecuritySettings): string[] {
  const found: string[] = [];
  if (http.tokens.length === 0 && !isLoopback(http.host))
    found.push(
      `HTTP_HOST is ${http.host} and HTTP_TOKEN is not set: anyone who reaches the port can read the companies. ` +
        'Set HTTP_TOKEN, or HTTP_HOST=127.0.0.1',
    );
  const remote = kafka.brokers.filter((broker) => !isLoopback(broker.replace(/:\d+$/, '')));
  if (kafka.sasl?.mechanism === 'plain' && kafka.tls === null && remote.length > 0)
    found.push(
      `KAFKA_SASL_MECHANISM is plain without TLS: the password goes to ${remote.join(', ')} unencrypted. ` +
        'Set KAFKA_SSL=true, or use scram-sha-512',
    );
  const { protocol, hostname } = new URL(schemaRegistry.url);
  if (schemaRegistry.credentials !== null && protocol === 'http:' && !isLoopback(hostname))
    found.push(`SCHEMA_REGISTRY_URL is ${schemaRegistry.url}: the password goes to it unencrypted. Use an https URL`);
  return found;
}

/** Whether the host is this machine alone. The host may be an IPv6 address in brackets. */
export function isLoopback(host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  return address === 'localhost' || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));
}
