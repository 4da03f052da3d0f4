/** Reads the text of each kind of setting: zod schemas from text to the value used. No I/O. */
import { z } from 'zod';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from './lib/time-units.js';

const UNITS_MS = { ms: 1, s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS } as const;
const MAX_DURATION_MS = 3_650 * UNITS_MS.d;
const DURATION = /^(\d{1,12})(ms|s|m|h|d)$/;
/** Announcements wait for so long. Far below the time-outs of sessions and transactions, but no request waits for it. */
const MAX_COMMIT_INTERVAL_MS = 10_000;

const HOST_NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;
/** Not an IPv6 address, because kafkajs cannot connect to one. */
const BROKER_ADDRESS = /^([^:]+):(\d{1,5})$/;

/** The characters that Kafka allows in topic names. Group ids and transactional ids follow the same rule. */
const LEGAL_NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]+$/;
export const MAX_TOPIC_NAME_LENGTH = 249;
/** The longest name derived from an application id is that of the changelog. */
const CHANGELOG_SUFFIX = '-company-state';

export function changelogOf(applicationId: string): string {
  return `${applicationId}${CHANGELOG_SUFFIX}`;
}

const SHADOW_SUFFIX = '-shadow';

/** The name that a shadow uses in place of the deployment's name. */
export function shadowed(name: string): string {
  return `${name}${SHADOW_SUFFIX}`;
}

const text = z.string();

/**
 * The consents that an operator can give, each with its meaning. A start that needs one names it and prints the
 * command.
 */
export const CONSENTS = {
  'used-outbound-topic':
    'allow a first start although the topic of announcements is not empty, as after a change of APPLICATION_ID; ' +
    'companies announced before may be announced again',
  'changed-settings':
    'allow deciding settings that differ from those that the state was built with; the new ones decide from now on',
  'unknown-schemas':
    'continue although the registry lacks half or more of the schema ids used before; records with unknown ids become ' +
    'dead letters and hold their companies',
} as const;
export type Consent = keyof typeof CONSENTS;
export const CONSENT_WORDS = Object.keys(CONSENTS) as [Consent, ...Consent[]];

/** Words separated by commas. */
export const consents = text
  .transform((list) => list.split(',').map((word) => word.trim()))
  .pipe(z.array(z.enum(CONSENT_WORDS)));

function wholeNumber(min: number, max: number) {
  return text
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .pipe(z.number().min(min).max(max));
}

export const topicName = text.regex(LEGAL_NAME).max(MAX_TOPIC_NAME_LENGTH);

/** An application id must not end in -shadow: that is the id of the shadow of another deployment. */
export const applicationId = text
  .regex(LEGAL_NAME)
  .max(MAX_TOPIC_NAME_LENGTH - CHANGELOG_SUFFIX.length)
  .refine((id) => !id.endsWith(SHADOW_SUFFIX));

export const brokerList = text
  .transform((list) => list.split(',').map((address) => address.trim()))
  .pipe(z.array(text.refine(isBrokerAddress)));

/** Root of an HTTP API, without a slash at the end. URLs are logged, so credentials have settings of their own. */
export const httpRoot = text.refine(isHttpRoot).transform((url) => url.replace(/\/+$/, ''));

/** 500ms, 30s, 5m, 24h, 7d; gives milliseconds. */
export const durationMs = text.regex(DURATION).transform(toMs).pipe(z.number().min(1).max(MAX_DURATION_MS));

/** As `durationMs`, but shorter, and 0 is possible. */
export const commitIntervalMs = text
  .transform((value) => (value === '0' ? '0ms' : value))
  .pipe(text.regex(DURATION).transform(toMs))
  .pipe(z.number().max(MAX_COMMIT_INTERVAL_MS));

/** ISO 8601 with seconds and a zone; gives milliseconds since the epoch. */
export const instantMs = z.iso.datetime({ offset: true }).transform((iso) => Date.parse(iso));

export const listenHost = text.refine((host) => HOST_NAME.test(host) || /^[0-9A-Fa-f:.]+$/.test(host));
export const listenPort = wholeNumber(0, 65_535);
export const MOST_MAX_BATCH_BYTES = 999_999_999;
export const batchBytes = wholeNumber(65_536, MOST_MAX_BATCH_BYTES);
export const standbyCount = wholeNumber(0, 100);

export const yesOrNo = z.enum(['true', 'false']).transform((word) => word === 'true');
export const logLevel = z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']);
/** Upper and lower case are accepted: Kafka's own names are in capitals, and kafkajs's names are not. */
export const saslMechanism = text.toLowerCase().pipe(z.enum(['plain', 'scram-sha-256', 'scram-sha-512']));

export const path = text.min(1).refine((value) => !value.includes('\0'));
export const label = text.min(1).max(256);
export const secret = text.min(1);
/** One token, or two separated by a comma. Each token must fit into an HTTP header unchanged. */
export const bearerTokens = text
  .regex(/^[\x21-\x2b\x2d-\x7e]+(,[\x21-\x2b\x2d-\x7e]+)?$/)
  .transform((tokens) => tokens.split(','));
/** In lower case. */
export const hostNames = text
  .transform((list) => list.split(',').map((name) => name.trim().toLowerCase()))
  .pipe(z.array(text.regex(HOST_NAME)));
export const pem = text.regex(/-----BEGIN [A-Z0-9 ]+-----/);

function toMs(value: string): number {
  const [, amount, unit] = DURATION.exec(value) ?? [];
  return Number(amount) * UNITS_MS[unit as keyof typeof UNITS_MS];
}

function isBrokerAddress(address: string): boolean {
  const [, host, port] = BROKER_ADDRESS.exec(address) ?? [];
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) return false;
  return HOST_NAME.test(host);
}

function isHttpRoot(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const url = new URL(value);
  return /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && url.search + url.hash === '';
}
