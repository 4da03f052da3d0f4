/** Environment and flags -> one validated, frozen Config. Pure: the caller passes them in. */
import { withoutCredentials } from './lib/hide-secrets.js';
import { SmallFileError } from './lib/small-file.js';
import { changelogOf, MAX_TOPIC_NAME_LENGTH, shadowed, type Consent } from './setting-values.js';
import { SETTINGS, type Setting, type SettingValues } from './settings.js';
import { fileVariableOf, flagOf } from './setting-flags.js';
import { checkSecurity, hasCertificates } from './security-settings.js';

export interface Tls {
  /** PEM. If null, the well-known authorities are trusted. */
  readonly ca: string | null;
  /** PEM certificate and key. The passphrase opens an encrypted key; it is null for a key without one. */
  readonly client: { readonly cert: string; readonly key: string; readonly passphrase: string | null } | null;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface Sasl extends Credentials {
  readonly mechanism: NonNullable<SettingValues['kafkaSaslMechanism']>;
}

/** Names of the topics read and written. */
export interface TopicNames {
  readonly syncEvents: string;
  readonly companySynchronized: string;
  readonly companyState: string;
  readonly deadLetter: string;
  readonly clientSettings: string;
  readonly companySyncStalled: string;
  readonly companySyncFailed: string;
}

/** The names that a deployment uses in Kafka. */
export interface DeploymentNames {
  readonly applicationId: string;
  readonly topics: TopicNames;
}

export interface Config extends DeploymentNames {
  /** If this is a shadow, the deployment that it shadows; otherwise null. */
  readonly shadowOf: DeploymentNames | null;
  readonly kafka: {
    readonly brokers: readonly string[];
    /** Null: no TLS. */
    readonly tls: Tls | null;
    readonly sasl: Sasl | null;
  };
  readonly schemaRegistry: {
    /** Without a slash at the end. */
    readonly url: string;
    readonly credentials: Credentials | null;
  };
  readonly stateDir: string;
  /** Milliseconds since the epoch. */
  readonly allDatasetsFrom: number;
  readonly http: {
    readonly host: string;
    readonly port: number;
    readonly tokens: readonly string[];
    readonly allowedHosts: readonly string[];
  };
  readonly eventNamespace: string;
  /** Consents of the operator, each to a start that is refused without it. */
  readonly consents: readonly Consent[];
  readonly numStandby: number;
  readonly stateRetentionMs: number;
  readonly stalledAfterMs: number;
  readonly commitIntervalMs: number;
  readonly maxBatchBytes: number;
  readonly logLevel: SettingValues['logLevel'];
}

/** All faults of the settings at once. Never contains the value of a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(readonly faults: readonly string[]) {
    super(faults.join('\n'));
  }
}

export type Environment = Readonly<Record<string, string | undefined>>;
/** Flags without their dashes. A flag without a value is true. */
export type Flags = Readonly<Record<string, string | true | undefined>>;

/**
 * @param env an empty variable counts as unset
 * @param flags those of settings; others are not looked at
 * @param readFile returns the text of a file, or throws; called only for the `<NAME>_FILE` of secrets
 * @throws ConfigError with all faults
 */
export function loadConfig(env: Environment, flags: Flags, readFile: (path: string) => string): Config {
  const faults: string[] = [];
  const values = Object.fromEntries(
    Object.entries<Setting>(SETTINGS).map(([key, setting]) => [key, valueOf(setting, env, flags, readFile, faults)]),
  ) as Partial<SettingValues>;
  checkTopics(values, faults);
  checkSecurity(values, faults);
  if (faults.length > 0) throw new ConfigError(faults);
  return freeze(configOf(values as SettingValues));
}

interface Given {
  /** The variable or the flag to name in an error. */
  readonly name: string;
  readonly text: string;
}

/** Returns null if the setting is unset. If its value is wrong, adds a fault to `faults` and returns undefined. */
function valueOf(
  setting: Setting,
  env: Environment,
  flags: Flags,
  readFile: (path: string) => string,
  faults: string[],
): unknown {
  let given: Given | null;
  try {
    given = fromFlags(setting, flags, readFile) ?? fromEnvironment(setting, env, readFile);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    faults.push(...error.faults);
    return undefined;
  }
  const text = given?.text ?? setting.default;
  if (text === null) return null;
  const parsed = setting.value.safeParse(text);
  if (parsed.success) return parsed.data;
  const fault = setting.secret ? 'has a value that is not allowed' : `is ${JSON.stringify(withoutCredentials(text))}`;
  faults.push(`${given?.name ?? setting.env} ${fault}: expected ${setting.expected}`);
  return undefined;
}

function fromFlags(setting: Setting, flags: Flags, readFile: (path: string) => string): Given | null {
  const valueAt = (flag: string): Given | null => {
    const text = flags[flag];
    if (text === undefined) return null;
    if (text === true && setting.standsAlone) return { name: `--${flag}`, text: 'true' };
    if (text === true) throw new ConfigError([`--${flag} needs a value: expected ${setting.expected}`]);
    return { name: `--${flag}`, text };
  };
  const direct = valueAt(flagOf(setting.env));
  return setting.secret ? orFromFile(direct, valueAt(flagOf(fileVariableOf(setting.env))), readFile) : direct;
}

function fromEnvironment(setting: Setting, env: Environment, readFile: (path: string) => string): Given | null {
  const valueAt = (name: string): Given | null => {
    const text = env[name];
    return text === undefined || text === '' ? null : { name, text };
  };
  const direct = valueAt(setting.env);
  return setting.secret ? orFromFile(direct, valueAt(fileVariableOf(setting.env)), readFile) : direct;
}

function orFromFile(direct: Given | null, file: Given | null, readFile: (path: string) => string): Given | null {
  if (file === null) return direct;
  if (direct !== null) throw new ConfigError([`${direct.name} and ${file.name} are both set: expected one of them`]);
  try {
    return { name: `the text of ${file.name}`, text: readFile(file.text).trim() };
  } catch (error) {
    // The path is not shown, because it may be the secret itself, passed by mistake.
    const { code = 'no such file, or not a text' } = error as NodeJS.ErrnoException;
    const reason = error instanceof SmallFileError ? error.message : code;
    throw new ConfigError([
      `${file.name} names a file that cannot be read (${reason}): expected the path of a text file`,
    ]);
  }
}

function namesOf(values: SettingValues): DeploymentNames {
  const { applicationId } = values;
  return {
    applicationId,
    topics: {
      syncEvents: values.topicSyncEvents,
      companySynchronized: values.topicCompanySynchronized,
      companyState: changelogOf(applicationId),
      deadLetter: values.topicDeadLetter,
      clientSettings: values.topicClientSettings,
      companySyncStalled: values.topicCompanySyncStalled,
      companySyncFailed: values.topicCompanySyncFailed,
    },
  };
}

/**
 * The shadow reads the topics that the deployment reads. `run` writes to no topic that the deployment reads or writes.
 * Both share one input. So commands that write to the input are refused for a shadow (`mustNotWriteAsShadow`).
 */
function shadowOf({ applicationId, topics }: DeploymentNames): DeploymentNames {
  return {
    applicationId: shadowed(applicationId),
    topics: {
      ...topics,
      companySynchronized: shadowed(topics.companySynchronized),
      companyState: changelogOf(shadowed(applicationId)),
      deadLetter: shadowed(topics.deadLetter),
      companySyncStalled: shadowed(topics.companySyncStalled),
      companySyncFailed: shadowed(topics.companySyncFailed),
    },
  };
}

/** Two roles in one topic would read each other's records. Kafka itself refuses names that differ only in . and _. */
function checkTopics(values: Partial<SettingValues>, faults: string[]): void {
  const id = values.applicationId;
  const named: readonly (readonly [by: string, name: string | undefined])[] = [
    ['TOPIC_SYNC_EVENTS', values.topicSyncEvents],
    ['TOPIC_COMPANY_SYNCHRONIZED', values.topicCompanySynchronized],
    ['TOPIC_DEAD_LETTER', values.topicDeadLetter],
    ['TOPIC_CLIENT_SETTINGS', values.topicClientSettings],
    ['TOPIC_COMPANY_SYNC_STALLED', values.topicCompanySyncStalled],
    ['TOPIC_COMPANY_SYNC_FAILED', values.topicCompanySyncFailed],
    ['the changelog of APPLICATION_ID', id === undefined ? undefined : changelogOf(id)],
    ...(values.shadow === true ? namesOfShadow(values) : []),
  ];
  const takenBy = new Map<string, string>();
  for (const [by, name] of named) {
    if (name === undefined) continue;
    if (name.length > MAX_TOPIC_NAME_LENGTH)
      faults.push(`${by} is ${JSON.stringify(name)}: expected at most ${MAX_TOPIC_NAME_LENGTH} characters`);
    const collidesAs = name.replaceAll('.', '_');
    const other = takenBy.get(collidesAs);
    if (other === undefined) takenBy.set(collidesAs, by);
    else
      faults.push(
        `${by} is ${JSON.stringify(name)}, which Kafka cannot tell apart from ${other}: expected a topic of its own`,
      );
  }
}

function namesOfShadow(values: Partial<SettingValues>): [by: string, name: string | undefined][] {
  const shadow = (name: string | undefined) => (name === undefined ? undefined : shadowed(name));
  const id = shadow(values.applicationId);
  return [
    ['the shadow of TOPIC_COMPANY_SYNCHRONIZED', shadow(values.topicCompanySynchronized)],
    ['the shadow of TOPIC_DEAD_LETTER', shadow(values.topicDeadLetter)],
    ['the shadow of TOPIC_COMPANY_SYNC_STALLED', shadow(values.topicCompanySyncStalled)],
    ['the shadow of TOPIC_COMPANY_SYNC_FAILED', shadow(values.topicCompanySyncFailed)],
    ['the changelog of the shadow of APPLICATION_ID', id === undefined ? undefined : changelogOf(id)],
  ];
}

function configOf(values: SettingValues): Config {
  const {
    kafkaSslCert: cert,
    kafkaSslKey: key,
    kafkaSslKeyPassphrase: passphrase,
    kafkaSaslMechanism: mechanism,
  } = values;
  const client = cert === null || key === null ? null : { cert, key, passphrase };
  const tls: Tls = { ca: values.kafkaSslCa, client };
  const login = credentialsOf(values.kafkaSaslUsername, values.kafkaSaslPassword);
  const names = namesOf(values);
  return {
    ...(values.shadow ? shadowOf(names) : names),
    shadowOf: values.shadow ? names : null,
    kafka: {
      brokers: values.kafkaBrokers,
      tls: (values.kafkaSsl ?? hasCertificates(values)) ? tls : null,
      sasl: mechanism === null || login === null ? null : { mechanism, ...login },
    },
    schemaRegistry: {
      url: values.schemaRegistryUrl,
      credentials: credentialsOf(values.schemaRegistryUsername, values.schemaRegistryPassword),
    },
    stateDir:
      values.shadow && values.stateDir === SETTINGS.stateDir.default ? shadowed(values.stateDir) : values.stateDir,
    allDatasetsFrom: values.allDatasetsFrom,
    http: {
      host: values.httpHost,
      port: values.httpPort,
      tokens: values.httpToken ?? [],
      allowedHosts: values.httpAllowedHosts ?? [],
    },
    eventNamespace: values.eventNamespace ?? values.applicationId,
    consents: values.consent ?? [],
    numStandby: values.numStandby,
    stateRetentionMs: values.stateRetentionMs,
    stalledAfterMs: values.stalledAfterMs,
    commitIntervalMs: values.commitIntervalMs,
    maxBatchBytes: values.maxBatchBytes,
    logLevel: values.logLevel,
  };
}

function credentialsOf(username: string | null, password: string | null): Credentials | null {
  return username === null || password === null ? null : { username, password };
}

function freeze<T extends object>(value: T): T {
  for (const part of Object.values(value) as unknown[]) if (typeof part === 'object' && part !== null) freeze(part);
  return Object.freeze(value);
}
