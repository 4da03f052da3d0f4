/** Which settings leave access open to others in the network, and which values are secret. */
import { loadConfig } from '../../src/config.js';
import { exposures, secretsIn } from '../../src/security-settings.js';
import { SETTINGS, type Setting } from '../../src/settings.js';

const config = (env: Record<string, string>) => loadConfig(env, {}, () => '');
const PLAIN = { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'u', KAFKA_SASL_PASSWORD: 'hunter2' };
const BASIC = { SCHEMA_REGISTRY_USERNAME: 'u', SCHEMA_REGISTRY_PASSWORD: 'hunter2' };

test.each([
  [{}, null],
  [{ HTTP_HOST: '0.0.0.0' }, 'HTTP_TOKEN is not set'],
  [{ HTTP_HOST: '::' }, 'HTTP_TOKEN is not set'],
  [{ HTTP_HOST: '0.0.0.0', HTTP_TOKEN: 'x' }, null],
  [{ HTTP_HOST: '127.0.0.2' }, null],
  [{ HTTP_HOST: '::1' }, null],
  [{ ...PLAIN, KAFKA_BROKERS: 'localhost:1,b:2' }, 'the password goes to b:2 unencrypted'],
  [{ ...PLAIN, KAFKA_BROKERS: 'b:2', KAFKA_SSL: 'true' }, null],
  [{ ...PLAIN, KAFKA_BROKERS: 'b:2', KAFKA_SASL_MECHANISM: 'scram-sha-512' }, null],
  [{ ...PLAIN, KAFKA_BROKERS: 'localhost:1' }, null],
  [{ ...BASIC, SCHEMA_REGISTRY_URL: 'http://r:1' }, 'Use an https URL'],
  [{ ...BASIC, SCHEMA_REGISTRY_URL: 'https://r:1' }, null],
  [BASIC, null],
])('%j: %p', (env, warning) => {
  expect(exposures(config(env))).toEqual(warning === null ? [] : [expect.stringContaining(warning)]);
  expect(exposures(config(env)).join()).not.toContain('hunter2');
});

test('every secret is known, user names are not among them', () => {
  const pem = '-----BEGIN PRIVATE KEY-----';
  const env = { ...PLAIN, ...BASIC, HTTP_TOKEN: 'a,b', KAFKA_SSL_CERT: pem, KAFKA_SSL_KEY: pem };
  const secrets = secretsIn(config({ ...env, KAFKA_SSL_KEY_PASSPHRASE: 'open' }));
  expect(secrets).toEqual(['a', 'b', 'hunter2', 'u:hunter2', 'hunter2', 'u:hunter2', pem, 'open']);
});

test('each setting that can come from a file is hidden, unless it is public', () => {
  const PUBLIC = ['KAFKA_SSL_CA', 'KAFKA_SSL_CERT', 'KAFKA_SASL_USERNAME', 'SCHEMA_REGISTRY_USERNAME'];
  const rows = Object.values<Setting>(SETTINGS).filter(({ secret }) => secret);
  const valueOf = ({ env, expected }: Setting) =>
    expected.startsWith('PEM') ? `-----BEGIN ${env.replaceAll('_', ' ')}-----` : `x-${env}`;
  const given = Object.fromEntries(rows.map((row) => [row.env, valueOf(row)]));
  const hidden = secretsIn(config({ ...given, KAFKA_SASL_MECHANISM: 'plain' }));
  const shown = rows.filter((row) => !hidden.includes(valueOf(row))).map(({ env }) => env);
  expect(shown).toEqual(PUBLIC);
});
