/**
 * A client of the schema registry's Confluent-compatible API. Each request has a limit of time and of bytes. The usual
 * library (@kafkajs/confluent-schema-registry) has neither limit. It also turns a refused connection into a 400, but
 * here an outage must never look like an answer.
 */
import { UnusableSchema } from '../avro/schema.js';
import type { Config } from '../config.js';
import { RegistryUnavailableError, type SchemaSource } from '../decode/schema-source.js';
import { AnswerTooLargeError, boundedText } from '../lib/bounded-answer.js';
import { isOwnFault } from '../lib/own-fault.js';
import { isTooDeep } from '../lib/json-depth.js';
import { hiderOf, type HideSecrets } from '../lib/hide-secrets.js';
import { reasonOf } from '../lib/reason-of.js';
import { SchemaReferences, type RegisteredText } from './schema-references.js';

export type RegistryConnection = Config['schemaRegistry'];

export type Compatibility = { readonly compatible: true } | { readonly compatible: false; readonly reasons: string[] };

const REQUEST_TIMEOUT_MS = 5_000;
/** Enough: a registry keeps each schema in a Kafka record, which has at most 1 MB by default. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
/** The most characters of the registry's own text in a message. */
const MAX_WORDS_LENGTH = 2_000;
/** A reader with the newest version can read records of all former versions. */
const COMPATIBILITY = 'BACKWARD_TRANSITIVE';
/** The statuses with which a registry refuses a schema: not compatible with former versions, or not valid. */
const REFUSALS: readonly number[] = [409, 422];
/** The error codes with which a registry denies a subject, a version or a schema, in an answer with status 404. */
const NO_SUCH_SUBJECT = 40401;
const NO_SUCH_VERSION = 40402;
const NO_SUCH_SCHEMA = 40403;
const NO_OWN_COMPATIBILITY = 40408;

/** The registry has refused the schema. */
export class SchemaRefusedError extends Error {
  override readonly name = 'SchemaRefusedError';
}

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** The answer has more than MAX_ANSWER_BYTES. Then `body` is empty. */
  readonly isTooLarge: boolean;
}

export class SchemaRegistry implements SchemaSource {
  readonly #connection: RegistryConnection;
  readonly #timeoutMs: number;
  /**
   * Hides the password, because a registry may repeat a request in its answer, and `/partitions` and the log show that
   * text.
   */
  readonly #hide: HideSecrets;
  readonly #references = new SchemaReferences((subject, version) => this.#version(subject, version));

  /** @param timeoutMs the limit for each request with its answer, in milliseconds */
  constructor(connection: RegistryConnection, timeoutMs = REQUEST_TIMEOUT_MS) {
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
    const { username, password } = connection.credentials ?? {};
    this.#hide = hiderOf(password === undefined ? [] : [password, `${username}:${password}`]);
  }

  async schemaById(id: number): Promise<object | null> {
    const path = `/schemas/ids/${id}`;
    const found = registeredText(await this.#ask('GET', path), path, [NO_SUCH_SCHEMA]);
    return found === null ? null : this.#references.resolve(found);
  }

  /** A version that other schemas refer to. It may still be in use after its subject was deleted. */
  async #version(subject: string, version: number): Promise<RegisteredText> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}?deleted=true`;
    return registeredText(await this.#ask('GET', path), path, [NO_SUCH_SUBJECT, NO_SUCH_VERSION, NO_SUCH_SCHEMA]);
  }

  /** The id that the schema has under `subject`; null if it is not registered there. */
  async idOf(subject: string, schema: object): Promise<number | null> {
    const path = `/subjects/${encodeURIComponent(subject)}`;
    const answer = await this.#ask('POST', path, { schema: JSON.stringify(schema) });
    if (isDenied(answer, [NO_SUCH_SUBJECT, NO_SUCH_SCHEMA])) return null;
    const { id } = this.#found(answer, path).body;
    if (typeof id !== 'number') throw unusable(path, answer);
    return id;
  }

  /**
   * The id of the first version of `subject`, which stays after upgrades of schemas; null if the subject is unknown.
   */
  async idOfFirstVersion(subject: string): Promise<number | null> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/1`;
    const answer = await this.#ask('GET', path);
    if (isDenied(answer, [NO_SUCH_SUBJECT, NO_SUCH_VERSION])) return null;
    const { id } = this.#found(answer, path).body;
    if (typeof id !== 'number') throw unusable(path, answer);
    return id;
  }

  /**
   * Registers the schema as the newest version of `subject`. From then on, the subject accepts only versions that can
   * read all former ones. If the schema is already registered, its id is returned.
   * @throws RegistryUnavailableError; SchemaRefusedError with the registry's text
   */
  async register(subject: string, schema: object): Promise<number> {
    const pathOfConfig = configOf(subject);
    this.#found(await this.#ask('PUT', pathOfConfig, { compatibility: COMPATIBILITY }), pathOfConfig);
    const path = `/subjects/${encodeURIComponent(subject)}/versions`;
    const answer = await this.#ask('POST', path, { schema: JSON.stringify(schema) });
    if (REFUSALS.includes(answer.status))
      throw new SchemaRefusedError(`the schema registry refused a version of ${subject}: ${textIn(answer)}`);
    const { id } = this.#found(answer, path).body;
    if (typeof id !== 'number') throw unusable(path, answer);
    return id;
  }

  /**
   * Whether the registry would accept `register`, and if not, why. A new subject accepts any schema. If the subject
   * demands less compatibility than we do, the registry's consent proves nothing. So the schema counts as not
   * compatible.
   */
  async check(subject: string, schema: object): Promise<Compatibility> {
    const path = `/compatibility/subjects/${encodeURIComponent(subject)}/versions?verbose=true`;
    const answer = await this.#ask('POST', path, { schema: JSON.stringify(schema) });
    if (isDenied(answer, [NO_SUCH_SUBJECT, NO_SUCH_VERSION])) return { compatible: true };
    if (answer.status === 422) return { compatible: false, reasons: [String(answer.body.message)] };
    const { is_compatible: compatible, messages } = this.#found(answer, path).body;
    if (typeof compatible !== 'boolean') throw unusable(path, answer);
    if (!compatible)
      return { compatible, reasons: Array.isArray(messages) ? messages.map(String) : ['the registry gives no reason'] };
    const demanded = await this.#compatibilityOf(subject);
    if (demanded === COMPATIBILITY) return { compatible };
    const reason =
      `the subject demands ${demanded ?? 'no'} compatibility, not ${COMPATIBILITY}: ` +
      'run `company-sync schemas register`, which sets it';
    return { compatible: false, reasons: [reason] };
  }

  /** The compatibility set for the subject itself; null if none is set. */
  async #compatibilityOf(subject: string): Promise<string | null> {
    const path = configOf(subject);
    const answer = await this.#ask('GET', path);
    if (isDenied(answer, [NO_SUCH_SUBJECT, NO_OWN_COMPATIBILITY])) return null;
    const { compatibilityLevel } = this.#found(answer, path).body;
    if (typeof compatibilityLevel !== 'string') throw unusable(path, answer);
    return compatibilityLevel;
  }

  #found(answer: Answer, path: string): Answer {
    if (answer.status !== 200) throw unusable(path, answer);
    return answer;
  }

  async #ask(method: 'GET' | 'POST' | 'PUT', path: string, body?: object): Promise<Answer> {
    const { url, credentials } = this.#connection;
    const headers: Record<string, string> = { accept: 'application/vnd.schemaregistry.v1+json, application/json' };
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (credentials !== null)
      headers.authorization = `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
    const request = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const { status, text } = await this.#fetch(url + path, request).catch((cause: unknown) => {
      if (isOwnFault(cause) && !isFailureOfFetch(cause)) throw cause;
      throw new RegistryUnavailableError(`the schema registry at ${url} does not answer: ${reasonOf(cause)}`, {
        cause,
      });
    });
    return { status, body: asRecord(this.#hide(text ?? '')), isTooLarge: text === null };
  }

  async #fetch(url: string, request: RequestInit): Promise<{ readonly status: number; readonly text: string | null }> {
    const response = await fetch(url, { ...request, signal: AbortSignal.timeout(this.#timeoutMs) });
    return { status: response.status, text: await textOf(response) };
  }
}

/** Returns a function that sends a request which any registry can answer. It rejects with RegistryUnavailableError. */
export function askRegistry({ schemaRegistry, topics }: Pick<Config, 'schemaRegistry' | 'topics'>) {
  const registry = new SchemaRegistry(schemaRegistry);
  return () => registry.idOfFirstVersion(`${topics.companySynchronized}-value`);
}

function configOf(subject: string): string {
  return `/config/${encodeURIComponent(subject)}`;
}

/**
 * Whether the answer is a denial of the registry itself. A 404 of a proxy in front of the registry does not have such
 * an error code.
 */
function isDenied({ status, body }: Answer, codes: readonly number[]): boolean {
  return status === 404 && typeof body.error_code === 'number' && codes.includes(body.error_code);
}

function unusable(path: string, { status, body, isTooLarge }: Answer): RegistryUnavailableError {
  const text = isTooLarge ? `more than ${MAX_ANSWER_BYTES} bytes` : textIn({ body });
  const message = text === '' ? '' : `: ${text}`;
  const hint = status === 401 || status === 403 ? ' (check SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD)' : '';
  return new RegistryUnavailableError(`the schema registry answered ${path} with ${status}${message}${hint}`);
}

function textIn({ body }: Pick<Answer, 'body'>): string {
  return typeof body.message === 'string' ? body.message.slice(0, MAX_WORDS_LENGTH) : '';
}

/** The body of a response; null if it has more than MAX_ANSWER_BYTES. */
function textOf(response: Response): Promise<string | null> {
  return boundedText(response, MAX_ANSWER_BYTES).catch((error: unknown) => {
    if (error instanceof AnswerTooLargeError) return null;
    throw error;
  });
}

/** The schema in an answer; null if the registry does not have it. @throws RegistryUnavailableError */
function registeredText(answer: Answer, path: string, denials: readonly number[]): RegisteredText {
  if (isDenied(answer, denials)) return null;
  if (answer.status !== 200) throw unusable(path, answer);
  // A schema that is too large or of another type is a usable answer: it cannot be a SyncEvent.
  if (answer.isTooLarge) return unusableSchema(`the schema has more than ${MAX_ANSWER_BYTES} bytes`);
  const { schema, schemaType, references } = answer.body;
  if (typeof schema !== 'string') throw unusable(path, answer);
  if (schemaType !== undefined && schemaType !== 'AVRO')
    return unusableSchema(`the schema is not Avro but ${JSON.stringify(schemaType)}`);
  if (isTooDeep(schema)) return unusableSchema('the schema nests too many types');
  return { schema: parseObject(schema), references };
}

function unusableSchema(why: string): RegisteredText {
  return { schema: new UnusableSchema(why), references: [] };
}

function parseObject(text: string): object {
  try {
    const parsed: unknown = JSON.parse(text);
    // A bare "string" is also a schema.
    return typeof parsed === 'object' && parsed !== null ? parsed : { type: parsed };
  } catch {
    return { type: text };
  }
}

function asRecord(text: string): Record<string, unknown> {
  if (isTooDeep(text)) return {}; // no registry makes such an answer
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {}; // The body is not JSON, so it is not from a registry. Only the status counts.
  }
}

/**
 * `fetch` reports every network failure as a TypeError with one of these messages. An invalid redirect is a TypeError
 * too.
 */
function isFailureOfFetch(error: unknown): boolean {
  const { message } = error as { readonly message?: unknown };
  return message === 'fetch failed' || message === 'terminated';
}
