/** Settings of topics and brokers. */
import type { Broker } from '../broker.js';
import { INVALID_REQUEST, NO_ERROR, REQUEST_TIMED_OUT, UNKNOWN_TOPIC_OR_PARTITION } from '../error-codes.js';
import { alterConfigsApi, describeConfigsApi, incrementalAlterConfigsApi } from '../wire/admin-apis.js';
import { atOnce, handler, type Handler } from './handler.js';

const OF_TOPIC = 2;
const OF_BROKER = 4;
const SOURCE_TOPIC = 1;
const SOURCE_BROKER_FILE = 4;
const SOURCE_DEFAULT = 5;

/** The defaults of the topic settings that clients ask about. */
const TOPIC_DEFAULTS: Readonly<Record<string, string>> = {
  'cleanup.policy': 'delete',
  'compression.type': 'producer',
  'delete.retention.ms': '86400000',
  'max.compaction.lag.ms': '9223372036854775807',
  'max.message.bytes': '1048588',
  'message.timestamp.type': 'CreateTime',
  'min.cleanable.dirty.ratio': '0.5',
  'min.compaction.lag.ms': '0',
  'min.insync.replicas': '1',
  'retention.bytes': '-1',
  'retention.ms': '604800000',
  'segment.bytes': '1073741824',
  'segment.ms': '604800000',
  'unclean.leader.election.enable': 'false',
};

interface Setting {
  readonly name: string;
  readonly value: string;
  readonly source: number;
}

const describeConfigs = handler(
  describeConfigsApi,
  atOnce(({ resources, includeSynonyms }, { broker }) => ({
    throttleMs: 0,
    resources: resources.map(({ kind, name, keys }) => {
      const all = settingsOf(broker, kind, name);
      if (typeof all === 'number') return { errorCode: all, errorMessage: null, kind, name, settings: [] };
      const asked = all.filter((setting) => keys === null || keys.includes(setting.name));
      const settings = asked.map((setting) => ({
        ...setting,
        isReadOnly: false,
        isSensitive: false,
        synonyms: includeSynonyms ? [setting] : [],
      }));
      return { errorCode: NO_ERROR, errorMessage: null, kind, name, settings };
    }),
  })),
);

function settingsOf({ view, world }: Broker, kind: number, name: string): Setting[] | number {
  if (kind === OF_BROKER)
    return [...world.settings].map(([each, value]) => ({ name: each, value, source: SOURCE_BROKER_FILE }));
  if (kind !== OF_TOPIC) return INVALID_REQUEST;
  const topic = view.topics.get(name);
  if (topic === undefined) return UNKNOWN_TOPIC_OR_PARTITION;
  const own = [...topic.settings].map(([each, value]) => ({ name: each, value, source: SOURCE_TOPIC }));
  const defaults = Object.entries(TOPIC_DEFAULTS).map(([each, value]) => ({
    name: each,
    value,
    source: SOURCE_DEFAULT,
  }));
  return [...own, ...defaults.filter((setting) => !topic.settings.has(setting.name))];
}

const alterConfigs = handler(
  alterConfigsApi,
  atOnce(({ resources, validateOnly }, { broker }) => ({
    throttleMs: 0,
    resources: resources.map(({ kind, name, settings }) => {
      const given = new Map(settings.map((setting) => [setting.name, setting.value ?? '']));
      return { ...change(broker, kind, name, () => given, validateOnly), kind, name };
    }),
  })),
);

const SET = 0;

const incrementalAlterConfigs = handler(
  incrementalAlterConfigsApi,
  atOnce(({ resources, validateOnly }, { broker }) => ({
    throttleMs: 0,
    resources: resources.map(({ kind, name, settings }) => {
      const changed = (before: ReadonlyMap<string, string>): Map<string, string> => {
        const after = new Map(before);
        for (const setting of settings)
          if (setting.operation === SET) after.set(setting.name, setting.value ?? '');
          else after.delete(setting.name);
        return after;
      };
      return { ...change(broker, kind, name, changed, validateOnly), kind, name };
    }),
  })),
);

function change(
  { isCutOff, world: { controller } }: Broker,
  kind: number,
  name: string,
  changed: (before: ReadonlyMap<string, string>) => ReadonlyMap<string, string>,
  validateOnly: boolean,
): { readonly errorCode: number; readonly errorMessage: string | null } {
  const topic = controller.image.topics.get(name);
  if (isCutOff) return { errorCode: REQUEST_TIMED_OUT, errorMessage: null };
  if (kind !== OF_TOPIC) return { errorCode: INVALID_REQUEST, errorMessage: 'only topics have settings to change' };
  if (topic === undefined) return { errorCode: UNKNOWN_TOPIC_OR_PARTITION, errorMessage: null };
  if (!validateOnly) controller.setSettings(name, changed(topic.settings));
  return { errorCode: NO_ERROR, errorMessage: null };
}

export const SETTINGS_HANDLERS: readonly Handler[] = [describeConfigs, alterConfigs, incrementalAlterConfigs];
