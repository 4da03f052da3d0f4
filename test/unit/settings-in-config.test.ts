/** No setting is read and then ignored: each changes the parts of the configuration that its row names. */
import { isDeepStrictEqual } from 'node:util';
import { loadConfig, type Config } from '../../src/config.js';
import { SETTINGS, type SettingKey } from '../../src/settings.js';

const pem = (what: string) => `-----BEGIN ${what}-----\nMIIB\n-----END ${what}-----`;

/** Two values of each that are possible beside the first values of all others. */
const VALUES: Record<SettingKey, readonly [string, string]> = {
  kafkaBrokers: ['a:1', 'b:1'],
  schemaRegistryUrl: ['https://a', 'https://b'],
  applicationId: ['a', 'b'],
  shadow: ['false', 'true'],
  stateDir: ['./a', './b'],
  topicSyncEvents: ['events-a', 'events-b'],
  topicCompanySynchronized: ['synchronized-a', 'synchronized-b'],
  topicDeadLetter: ['dead-letter-a', 'dead-letter-b'],
  topicClientSettings: ['settings-a', 'settings-b'],
  topicCompanySyncStalled: ['stalled-a', 'stalled-b'],
  topicCompanySyncFailed: ['failed-a', 'failed-b'],
  allDatasetsFrom: ['2024-01-01T00:00:00Z', '2025-01-01T00:00:00Z'],
  httpHost: ['127.0.0.1', '127.0.0.2'],
  httpPort: ['1', '2'],
  eventNamespace: ['namespace-a', 'namespace-b'],
  consent: ['', 'used-outbound-topic'],
  numStandby: ['1', '2'],
  stateRetentionMs: ['1h', '2h'],
  stalledAfterMs: ['1h', '2h'],
  commitIntervalMs: ['0', '10s'],
  maxBatchBytes: ['1000000', '2000000'],
  httpToken: ['token-a', 'token-b'],
  httpAllowedHosts: ['a', 'b'],
  logLevel: ['warn', 'error'],
  kafkaSsl: ['true', ''],
  kafkaSslCa: [pem('CERTIFICATE'), pem('TRUSTED CERTIFICATE')],
  kafkaSslCert: [pem('CERTIFICATE'), pem('TRUSTED CERTIFICATE')],
  kafkaSslKey: [pem('PRIVATE KEY'), pem('RSA PRIVATE KEY')],
  kafkaSslKeyPassphrase: ['a', 'b'],
  kafkaSaslMechanism: ['plain', 'scram-sha-256'],
  kafkaSaslUsername: ['a', 'b'],
  kafkaSaslPassword: ['a', 'b'],
  schemaRegistryUsername: ['a', 'b'],
  schemaRegistryPassword: ['a', 'b'],
};
/** A certificate alone turns TLS on. */
const CERTIFICATES: readonly SettingKey[] = ['kafkaSslCa', 'kafkaSslCert', 'kafkaSslKey', 'kafkaSslKeyPassphrase'];

const keys = Object.keys(SETTINGS) as SettingKey[];

/** A shadow, and an instance whose namespace and folder follow from other settings. */
const OTHERWISE = { SHADOW: 'true', EVENT_NAMESPACE: '', STATE_DIR: '' };

/** The parts of the configuration of the first values, but for `key`, which has the value given. */
function partsWith(key: SettingKey, value: string, otherwise: Record<string, string>): ReadonlyMap<string, unknown> {
  const others = keys.filter((one) => key !== 'kafkaSsl' || !CERTIFICATES.includes(one));
  const env = Object.fromEntries(others.map((one) => [SETTINGS[one].env, VALUES[one][0]]));
  return partsOf(loadConfig({ ...env, ...otherwise, [SETTINGS[key].env]: value }, {}, () => ''));
}

function partsOf({ topics, http, ...parts }: Config): ReadonlyMap<string, unknown> {
  const named = (prefix: string, part: object) =>
    Object.entries(part).map(([name, value]): [string, unknown] => [`${prefix}.${name}`, value]);
  return new Map([...Object.entries(parts), ...named('topics', topics), ...named('http', http)]);
}

test.each(keys)('%s', (key) => {
  const [one, other] = VALUES[key];
  const changed = [{}, OTHERWISE].flatMap((otherwise) => {
    const before = partsWith(key, one, otherwise);
    const after = partsWith(key, other, otherwise);
    return [...before.keys()].filter((part) => !isDeepStrictEqual(before.get(part), after.get(part)));
  });
  expect([...new Set(changed)].sort()).toEqual([...SETTINGS[key].parts].sort());
});
