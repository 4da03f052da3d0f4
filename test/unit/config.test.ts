import { ConfigError, loadConfig, type Environment, type Flags } from '../../src/config.js';
import { SETTINGS, type Setting } from '../../src/settings.js';
import { describeSettings, flagOf } from '../../src/setting-flags.js';

const noFiles = (path: string): string => {
  throw new Error(`ENOENT: no such file, open '${path}'`);
};
const load = (env: Environment = {}, flags: Flags = {}, readFile = noFiles) => loadConfig(env, flags, readFile);

function faultsOf(env: Environment, flags: Flags = {}, readFile = noFiles): readonly string[] {
  try {
    load(env, flags, readFile);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

const pem = (what: string) => `-----BEGIN ${what}-----\nMIIB\n-----END ${what}-----`;

describe('defaults', () => {
  test('a configuration without any setting is complete', () => {
    expect(load()).toEqual({
      applicationId: 'company-sync',
      shadowOf: null,
      kafka: { brokers: ['localhost:9092'], tls: null, sasl: null },
      schemaRegistry: { url: 'http://localhost:8081', credentials: null },
      topics: {
        syncEvents: 'sync-events',
        companySynchronized: 'company-synchronized',
        companyState: 'company-sync-company-state',
        deadLetter: 'sync-events-dead-letter',
        clientSettings: 'client-settings',
        companySyncStalled: 'company-sync-stalled',
        companySyncFailed: 'company-sync-failed',
      },
      stateDir: './state',
      allDatasetsFrom: Date.UTC(2023, 9, 10),
      http: { host: '127.0.0.1', port: 8080, tokens: [], allowedHosts: [] },
      eventNamespace: 'company-sync',
      consents: [],
      numStandby: 0,
      stateRetentionMs: 24 * 3_600_000,
      stalledAfterMs: 60 * 3_600_000,
      commitIntervalMs: 20,
      maxBatchBytes: 268_435_456,
      logLevel: 'info',
    });
  });

  test('the configuration cannot be changed, not even nested objects', () => {
    const config = load();
    expect(() => Object.assign(config, { logLevel: 'debug' })).toThrow(TypeError);
    expect(() => Object.assign(config.topics, { deadLetter: 'x' })).toThrow(TypeError);
    expect(() => (config.kafka.brokers as string[]).push('x:1')).toThrow(TypeError);
  });

  test('the event namespace and the changelog follow the application id', () => {
    const config = load({ APPLICATION_ID: 'eu.sync' });
    expect(config.eventNamespace).toBe('eu.sync');
    expect(config.topics.companyState).toBe('eu.sync-company-state');
  });
});

describe('where a value comes from', () => {
  test('a flag wins over the environment', () => {
    expect(load({ HTTP_PORT: '1' }, { 'http-port': '2' }).http.port).toBe(2);
  });

  test('an empty variable counts as unset', () => {
    expect(load({ HTTP_PORT: '', HTTP_TOKEN: '', HTTP_TOKEN_FILE: '' })).toEqual(load());
  });

  test('a secret is read from its file, without the newline at the end', () => {
    const files = (path: string) => (path === '/run/token' ? 's3cret\n' : noFiles(path));
    expect(load({ HTTP_TOKEN_FILE: '/run/token' }, {}, files).http.tokens).toEqual(['s3cret']);
    expect(load({}, { 'http-token-file': '/run/token' }, files).http.tokens).toEqual(['s3cret']);
    expect(load({ HTTP_TOKEN: 'other' }, { 'http-token-file': '/run/token' }, files).http.tokens).toEqual(['s3cret']);
  });

  test('only secrets are read from files', () => {
    expect(load({ LOG_LEVEL_FILE: '/run/level' }).logLevel).toBe('info');
    expect(load({}, { 'log-level-file': '/run/level' }).logLevel).toBe('info');
  });

  test('every setting can be given as variable and as flag', () => {
    const sample: Record<string, string> = {
      KAFKA_BROKERS: 'a:1',
      SCHEMA_REGISTRY_URL: 'https://r/x',
      ALL_DATASETS_FROM: '2024-01-01T00:00:00Z',
      LOG_LEVEL: 'warn',
      KAFKA_SSL: 'true',
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_SSL_CA: pem('CERTIFICATE'),
      KAFKA_SSL_CERT: pem('CERTIFICATE'),
      KAFKA_SSL_KEY: pem('PRIVATE KEY'),
      HTTP_PORT: '1',
      NUM_STANDBY: '1',
      CONSENT: 'used-outbound-topic',
      STATE_RETENTION: '1d',
      STALLED_AFTER: '1h',
      COMMIT_INTERVAL: '1s',
      MAX_BATCH_BYTES: '1000000',
      SHADOW: 'true',
    };
    const env = Object.fromEntries(Object.values<Setting>(SETTINGS).map(({ env }) => [env, sample[env] ?? `x-${env}`]));
    const flags = Object.fromEntries(Object.entries(env).map(([name, value]) => [flagOf(name), value]));
    const fromFlags = load({}, flags);
    expect(fromFlags).toEqual(load(env));
    expect(fromFlags.kafka.sasl).toEqual({
      mechanism: 'plain',
      username: 'x-KAFKA_SASL_USERNAME',
      password: 'x-KAFKA_SASL_PASSWORD',
    });
    expect(fromFlags.kafka.tls).toEqual({
      ca: sample.KAFKA_SSL_CA,
      client: { cert: sample.KAFKA_SSL_CERT, key: sample.KAFKA_SSL_KEY, passphrase: 'x-KAFKA_SSL_KEY_PASSPHRASE' },
    });
  });
});

test('two tokens are accepted while one is being changed, a third is not', () => {
  expect(load({ HTTP_TOKEN: 'new,old' }).http.tokens).toEqual(['new', 'old']);
  for (const HTTP_TOKEN of ['a,b,c', 'a,', ',a', 'a, b']) expect(faultsOf({ HTTP_TOKEN })).toHaveLength(1);
});

test('a passphrase without a key is a fault', () => {
  expect(faultsOf({ KAFKA_SSL_KEY_PASSPHRASE: 'x' })).toEqual([
    'KAFKA_SSL_KEY is not set: expected with KAFKA_SSL_KEY_PASSPHRASE',
  ]);
});

test('the commit interval may be 0, and has a limit', () => {
  const intervals = ['0', '0ms', '1ms', '10s'].map((COMMIT_INTERVAL) => load({ COMMIT_INTERVAL }).commitIntervalMs);
  expect(intervals).toEqual([0, 0, 1, 10_000]);
  for (const value of ['10001ms', '1m', '20', '-1ms', '1.5s', 'off'])
    expect(faultsOf({ COMMIT_INTERVAL: value, HTTP_PORT: 'x' })).toEqual([
      'HTTP_PORT is "x": expected a whole number from 0 to 65535',
      `COMMIT_INTERVAL is "${value}": expected a duration such as 20ms or 1s, at most 10s; 0 never waits`,
    ]);
});

describe('faults', () => {
  test('all are listed at once, each with its name, value and the expected value', () => {
    expect(faultsOf({ KAFKA_BROKERS: 'kafka', HTTP_PORT: '70000' }, { 'stalled-after': '3 days' })).toEqual([
      'KAFKA_BROKERS is "kafka": expected host:port with a host name or IPv4 address, or several separated by commas',
      'HTTP_PORT is "70000": expected a whole number from 0 to 65535',
      '--stalled-after is "3 days": expected a duration such as 500ms, 30s, 5m, 24h or 7d, at most 3650d',
    ]);
  });

  test('a flag without a value is a fault', () => {
    expect(faultsOf({}, { 'kafka-ssl': true })).toEqual(['--kafka-ssl needs a value: expected true or false']);
  });

  test('the value of a secret is never printed', () => {
    const env = { HTTP_TOKEN: 'two words', KAFKA_SSL_CA: 'hush', KAFKA_SASL_PASSWORD: 'hush' };
    const faults = faultsOf(env);
    expect(faults).toContain(
      'HTTP_TOKEN has a value that is not allowed: expected printable ASCII without spaces, or two such tokens separated by a comma',
    );
    expect(faults.join()).not.toMatch(/two words|hush/);
    expect(faultsOf({ HTTP_TOKEN_FILE: '/t' }, {}, () => 'two words').join()).not.toContain('two words');
  });

  test('credentials in a value that is not a secret are not shown', () => {
    const url = 'http://user:hunt@er2@registry:8081/?key=hunter2#hunter2';
    const faults = faultsOf({
      SCHEMA_REGISTRY_URL: url,
      KAFKA_BROKERS: 'a:1,sasl://user:hunter2@b:2',
      HTTP_HOST: 'u:hunter2@h',
    });
    expect(faults).toHaveLength(3);
    expect(faults.join()).toContain('"***@registry:8081/?***"');
    expect(faults.join()).not.toMatch(/hunt/);
  });

  test('a secret given where the path of its file is expected is not shown', () => {
    const faults = faultsOf({ HTTP_TOKEN_FILE: 'hunter2' }, {}, noFiles);
    expect(faults.join()).not.toContain('hunter2');
  });

  test('a secret that is given twice is a fault, and so is a file that cannot be read', () => {
    expect(faultsOf({ HTTP_TOKEN: 'a', HTTP_TOKEN_FILE: '/b' })).toEqual([
      'HTTP_TOKEN and HTTP_TOKEN_FILE are both set: expected one of them',
    ]);
    expect(faultsOf({ HTTP_TOKEN_FILE: '/b' })).toEqual([
      'HTTP_TOKEN_FILE names a file that cannot be read (no such file, or not a text): expected the path of a text file',
    ]);
  });

  test('two roles cannot share a topic, nor have names that Kafka treats as equal', () => {
    expect(faultsOf({ TOPIC_DEAD_LETTER: 'sync.events', TOPIC_SYNC_EVENTS: 'sync_events' })).toEqual([
      'TOPIC_DEAD_LETTER is "sync.events", which Kafka cannot tell apart from TOPIC_SYNC_EVENTS: expected a topic of its own',
    ]);
    expect(faultsOf({ TOPIC_CLIENT_SETTINGS: 'company-sync-company-state' })).toEqual([
      'the changelog of APPLICATION_ID is "company-sync-company-state", which Kafka cannot tell ' +
        'apart from TOPIC_CLIENT_SETTINGS: expected a topic of its own',
    ]);
  });

  test('half of a pair of credentials is a fault', () => {
    expect(faultsOf({ KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'u' })).toEqual([
      'KAFKA_SASL_PASSWORD is not set: expected with KAFKA_SASL_MECHANISM and KAFKA_SASL_USERNAME',
    ]);
    expect(faultsOf({ SCHEMA_REGISTRY_PASSWORD: 'p' })).toEqual([
      'SCHEMA_REGISTRY_USERNAME is not set: expected with SCHEMA_REGISTRY_PASSWORD',
    ]);
  });

  test('an unknown mechanism is not reported as missing', () => {
    const env = { KAFKA_SASL_MECHANISM: 'gssapi', KAFKA_SASL_USERNAME: 'u', KAFKA_SASL_PASSWORD: 'p' };
    expect(faultsOf(env)).toEqual([
      'KAFKA_SASL_MECHANISM is "gssapi": expected one of plain, scram-sha-256, scram-sha-512',
    ]);
  });

  test.each([
    ['KAFKA_BROKERS', ['a', 'a:0', 'a:65536', 'a:1,', ':9', 'http://a:1', 'a b:1', '::1:9092', '[::1]:9092']],
    ['SCHEMA_REGISTRY_URL', ['localhost:8081', 'ftp://a', 'http://u:p@a', 'http://a?x=1', 'http://a#x']],
    ['APPLICATION_ID', ['a/b', '.', '..', 'a b', 'a'.repeat(236), 'a-shadow']],
    ['SHADOW', ['yes', '1']],
    ['TOPIC_SYNC_EVENTS', ['a/b', '.', 'ä', 'a'.repeat(250)]],
    ['ALL_DATASETS_FROM', ['2023-10-10', '2023-10-10T00:00:00', '2023-02-30T00:00:00Z', 'now', '1696896000000']],
    ['HTTP_PORT', ['-1', '1.5', '0x10', '65536', '80 ']],
    ['CONSENT', ['everything', 'used-outbound-topic,', 'USED-OUTBOUND-TOPIC']],
    ['NUM_STANDBY', ['-1', '101', 'one']],
    ['STATE_RETENTION', ['0h', '24', '1w', '-1h', '1.5h', '3651d']],
    ['LOG_LEVEL', ['INFO', 'verbose']],
    ['KAFKA_SSL', ['yes', '1', 'TRUE']],
    ['KAFKA_SSL_CA', ['/etc/ca.pem']],
    ['HTTP_HOST', ['a b', 'http://a']],
  ])('%s refuses values of another kind', (name, bad) => {
    for (const value of bad) expect([value, faultsOf({ [name]: value }).length]).toEqual([value, 1]);
  });
});

describe('a shadow', () => {
  const env = { APPLICATION_ID: 'eu', TOPIC_DEAD_LETTER: 'dead', STATE_DIR: '/state' };

  test('reads the topics of its deployment, writes to none of them, and has the same event ids', () => {
    const { applicationId, topics, eventNamespace } = load(env);
    const shadow = load(env, { shadow: true });
    expect(shadow).toEqual({
      ...load(env),
      shadowOf: { applicationId, topics },
      applicationId: 'eu-shadow',
      topics: {
        syncEvents: topics.syncEvents,
        clientSettings: topics.clientSettings,
        companySynchronized: 'company-synchronized-shadow',
        companyState: 'eu-shadow-company-state',
        deadLetter: 'dead-shadow',
        companySyncStalled: 'company-sync-stalled-shadow',
        companySyncFailed: 'company-sync-failed-shadow',
      },
    });
    expect(shadow.eventNamespace).toBe(eventNamespace);
    expect(load({ ...env, SHADOW: 'true' })).toEqual(shadow);
    expect(load({ ...env, SHADOW: 'true' }, { shadow: 'false' })).toEqual(load(env));
  });

  test('has a state folder of its own by default', () => {
    expect(load({}, { shadow: true }).stateDir).toBe('./state-shadow');
    expect(load({ STATE_DIR: '/state' }, { shadow: true }).stateDir).toBe('/state');
  });

  test('is refused if its names are those of other topics, or too long', () => {
    expect(faultsOf({ TOPIC_CLIENT_SETTINGS: 'sync-events-dead-letter-shadow' })).toEqual([]);
    expect(faultsOf({ TOPIC_CLIENT_SETTINGS: 'sync-events-dead-letter-shadow' }, { shadow: true })).toEqual([
      'the shadow of TOPIC_DEAD_LETTER is "sync-events-dead-letter-shadow", which Kafka cannot tell ' +
        'apart from TOPIC_CLIENT_SETTINGS: expected a topic of its own',
    ]);
    const id = 'a'.repeat(229);
    expect(faultsOf({ APPLICATION_ID: id })).toEqual([]);
    expect(faultsOf({ APPLICATION_ID: id }, { shadow: true })).toEqual([
      `the changelog of the shadow of APPLICATION_ID is "${id}-shadow-company-state": expected at most 249 characters`,
    ]);
  });
});

describe('values', () => {
  test.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['60h', 216_000_000],
    ['7d', 604_800_000],
  ])('%s is a duration', (given, ms) => {
    expect(load({ STALLED_AFTER: given }).stalledAfterMs).toBe(ms);
  });

  test('several brokers, with spaces and IPv4', () => {
    expect(load({ KAFKA_BROKERS: 'a:1, b.c-d:65535,127.0.0.1:9092' }).kafka.brokers).toEqual([
      'a:1',
      'b.c-d:65535',
      '127.0.0.1:9092',
    ]);
  });

  test.each(['PLAIN', 'plain', 'SCRAM-SHA-256'])('%s is a SASL mechanism', (mechanism) => {
    const env = { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: 'u', KAFKA_SASL_PASSWORD: 'p' };
    expect(load(env).kafka.sasl?.mechanism).toBe(mechanism.toLowerCase());
  });

  test('an instant in any zone', () => {
    expect(load({ ALL_DATASETS_FROM: '2023-10-10T02:00:00+02:00' }).allDatasetsFrom).toBe(Date.UTC(2023, 9, 10));
  });

  test('a registry URL loses the slash at its end', () => {
    expect(load({ SCHEMA_REGISTRY_URL: 'http://a/apis/v7/' }).schemaRegistry.url).toBe('http://a/apis/v7');
  });

  test('a certificate turns TLS on, and contradicts KAFKA_SSL=false', () => {
    expect(load({ KAFKA_SSL_CA: pem('CERTIFICATE') }).kafka.tls).toEqual({ ca: pem('CERTIFICATE'), client: null });
    expect(load({ KAFKA_SSL: 'true' }).kafka.tls).toEqual({ ca: null, client: null });
    expect(faultsOf({ KAFKA_SSL: 'false', KAFKA_SSL_CA: pem('CERTIFICATE') })).toHaveLength(1);
  });
});

test('consents are words of a closed list', () => {
  expect(load().consents).toEqual([]);
  expect(load({ CONSENT: '' }).consents).toEqual([]);
  expect(load({}, { consent: 'used-outbound-topic' }).consents).toEqual(['used-outbound-topic']);
  expect(faultsOf({ CONSENT: 'yes' })).toEqual([
    'CONSENT is "yes": expected used-outbound-topic, changed-settings or unknown-schemas, several separated by commas',
  ]);
});

test('the help shows every setting with its flag, variable, default and meaning', () => {
  const help = describeSettings(() => true);
  for (const { env, default: preset, meaning } of Object.values<Setting>(SETTINGS)) {
    expect(help).toContain(`--${flagOf(env)}, ${env}`);
    expect(help).toContain(preset === null ? meaning : `${meaning} (default: ${preset})`);
  }
  expect(help).toContain('HTTP_TOKEN (or HTTP_TOKEN_FILE)');
});
