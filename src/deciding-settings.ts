/**
 * The settings that decide whether, when and with which event id a company is announced.
 *
 * All instances of an application id must have the same values, and a deployment must keep them. Instances compare
 * them before they run.
 */
import type { Config, TopicNames } from './config.js';
import { isoTime } from './lib/iso-time.js';
import { SETTINGS, type SettingKey } from './settings.js';

/** Name of the setting -> its value as an operator writes it, in the order of comparison. */
export type DecidingSettings = ReadonlyMap<string, string>;

/** Not a setting. One registry may have several addresses, so SCHEMA_REGISTRY_URL is not compared. */
const REGISTRY = 'registry';

/** The changelog is left out: its name follows from the application id, which all members of a group share. */
const SETTING_OF_TOPIC: Readonly<Record<Exclude<keyof TopicNames, 'companyState'>, SettingKey>> = {
  syncEvents: 'topicSyncEvents',
  companySynchronized: 'topicCompanySynchronized',
  deadLetter: 'topicDeadLetter',
  clientSettings: 'topicClientSettings',
  companySyncStalled: 'topicCompanySyncStalled',
  companySyncFailed: 'topicCompanySyncFailed',
};

/**
 * @param registryIdentity the id of version 1 of the subject of announcements; null if unknown, and then not compared.
 *   Two registries seldom have the same id. An upgrade of the schemas does not change it.
 */
export function decidingSettingsOf(
  { eventNamespace, allDatasetsFrom, topics }: Pick<Config, 'eventNamespace' | 'allDatasetsFrom' | 'topics'>,
  registryIdentity: number | null,
): DecidingSettings {
  const roles = Object.keys(SETTING_OF_TOPIC) as (keyof typeof SETTING_OF_TOPIC)[];
  const values = new Map([
    [SETTINGS.eventNamespace.env, eventNamespace],
    [SETTINGS.allDatasetsFrom.env, isoTime(allDatasetsFrom)],
    ...roles.map((role): [string, string] => [SETTINGS[SETTING_OF_TOPIC[role]].env, topics[role]]),
  ]);
  if (registryIdentity !== null)
    values.set(REGISTRY, `id ${registryIdentity} of ${topics.companySynchronized}-value, version 1`);
  return values;
}
