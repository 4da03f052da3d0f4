import { loadConfig } from '../../src/config.js';
import { decidingSettingsOf } from '../../src/deciding-settings.js';
import { SETTINGS, type SettingKey } from '../../src/settings.js';
import { describeDifferences, differencesOf } from '../../src/lib/map-differences.js';

const settingsOf = (env: Record<string, string>, registry: number | null = 7) =>
  decidingSettingsOf(
    loadConfig(env, {}, () => ''),
    registry,
  );

test('are those that decide whether, when and under which id a company is announced', () => {
  expect(Object.fromEntries(settingsOf({ APPLICATION_ID: 'eu' }))).toEqual({
    EVENT_NAMESPACE: 'eu',
    ALL_DATASETS_FROM: '2023-10-10T00:00:00.000Z',
    TOPIC_SYNC_EVENTS: 'sync-events',
    TOPIC_COMPANY_SYNCHRONIZED: 'company-synchronized',
    TOPIC_DEAD_LETTER: 'sync-events-dead-letter',
    TOPIC_CLIENT_SETTINGS: 'client-settings',
    TOPIC_COMPANY_SYNC_STALLED: 'company-sync-stalled',
    TOPIC_COMPANY_SYNC_FAILED: 'company-sync-failed',
    registry: 'id 7 of company-synchronized-value, version 1',
  });
});

/** Whether instances that differ in a setting would announce other companies, at other times or under other ids. */
const DECIDES: Record<SettingKey, boolean> = {
  kafkaBrokers: false,
  schemaRegistryUrl: false, // one registry may have several addresses
  applicationId: false, // another one is another group
  shadow: false, // its application id is another one
  stateDir: false,
  topicSyncEvents: true,
  topicCompanySynchronized: true,
  topicDeadLetter: true,
  topicClientSettings: true,
  topicCompanySyncStalled: true,
  topicCompanySyncFailed: true,
  allDatasetsFrom: true,
  httpHost: false,
  httpPort: false,
  eventNamespace: true,
  consent: false,
  numStandby: false,
  stateRetentionMs: false,
  stalledAfterMs: false, // reports, and announces nothing
  commitIntervalMs: false, // the same decisions, later
  maxBatchBytes: false, // blocks a partition, and skips nothing
  httpToken: false,
  httpAllowedHosts: false,
  logLevel: false,
  kafkaSsl: false,
  kafkaSslCa: false,
  kafkaSslCert: false,
  kafkaSslKey: false,
  kafkaSslKeyPassphrase: false,
  kafkaSaslMechanism: false,
  kafkaSaslUsername: false,
  kafkaSaslPassword: false,
  schemaRegistryUsername: false,
  schemaRegistryPassword: false,
};

test('each setting either decides or does not', () => {
  const keys = Object.keys(SETTINGS) as SettingKey[];
  expect(Object.keys(DECIDES).sort()).toEqual([...keys].sort());
  const deciding = keys.filter((key) => DECIDES[key]).map((key) => SETTINGS[key].env);
  expect([...settingsOf({}, null).keys()].sort()).toEqual(deciding.sort());
});

test('are equal for one time in several notations; without a registry its identity is not compared', () => {
  const utc = settingsOf({ ALL_DATASETS_FROM: '2024-01-01T00:00:00Z' });
  expect(differencesOf(utc, settingsOf({ ALL_DATASETS_FROM: '2024-01-01T02:00:00+02:00' }))).toEqual([]);
  expect(differencesOf(utc, settingsOf({ ALL_DATASETS_FROM: '2024-01-01T00:00:00Z' }, null))).toEqual([]);
});

test('differences are reported by name, with both values', () => {
  const differences = differencesOf(
    settingsOf({ EVENT_NAMESPACE: 'a', TOPIC_DEAD_LETTER: 'x' }, 7),
    settingsOf({ EVENT_NAMESPACE: 'b', TOPIC_DEAD_LETTER: 'x' }, 8),
  );
  expect(describeDifferences(differences, 'there')).toBe(
    'EVENT_NAMESPACE is "a" here and "b" there; registry is "id 7 of company-synchronized-value, version 1" here and ' +
      '"id 8 of company-synchronized-value, version 1" there',
  );
});
