/** The parts of the configuration: each command names those that it reads, and gets no others. */
import type { Config, TopicNames } from './config.js';

export type ConfigPart =
  Exclude<keyof Config, 'topics' | 'http'> | `topics.${keyof TopicNames}` | `http.${keyof Config['http']}`;

type Named<Prefix extends string, Part> = Part extends `${Prefix}.${infer Name}` ? Name : never;

/** A configuration of which only these parts can be read. */
export type PartsOf<Part extends ConfigPart> = Pick<Config, Extract<Part, keyof Config>> & {
  readonly topics: Pick<TopicNames, Extract<Named<'topics', Part>, keyof TopicNames>>;
  readonly http: Pick<Config['http'], Extract<Named<'http', Part>, keyof Config['http']>>;
};

export const ALL_TOPICS = [
  'topics.syncEvents',
  'topics.companySynchronized',
  'topics.companyState',
  'topics.deadLetter',
  'topics.clientSettings',
  'topics.companySyncStalled',
  'topics.companySyncFailed',
] as const;
