/**
 * The schema registry, by its Confluent-compatible API. All of it are plain requests with a limit of time and of bytes. The
 * usual client library (@kafkajs/confluent-schema-registry) has neither limit and turns a refused connection into a 400,
 * and here an outage must never look like an answer.
 */
import { UnusableSchema } from '../avro/schema.js';
import type { Config } from '../config.js';
import { RegistryUnavailableError, type SchemaSource } from '../decode/schema-source.js';
import { AnswerTooLargeError, boundedText } from '../lib/bounded-answer.js';
import { isOwnFault } from '../lib/own-fault.js';
import { isTooDeep } from '../lib/json-depth.js';
import { hiderOf, type HideSecrets } from '../lib/hide-secrets.js';
import { SchemaReferences, type RegisteredText } from './schema-references.js';

export type RegistryConnection = Config['schemaRegistry'];

export type Compatibility = { readonly compatible: true } | { readonly compatible: false; readonly reasons: string[] };

const REQUEST_TIMEOUT_MS = 5_000;
/** A registry keeps each schema in a record of Kafka, which is 1 MB at most by default. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
/** Characters of the registry's own words in a message. */
const MAX_WORDS_LENGTH = 2_000;
/** A reader of the newest version can read all former ones. */
const COMPATIBILITY = 'BACKWARD_TRANSITIVE';
/** What a registry says to a schema that it does not take: not compatible with former versions, or not valid. */
const REFUSALS: readonly number[] = [409, 422];
/** What the registry says with a 404 when it has no such subject, version or schema. */
const NO_SUCH_SUBJECT = 40401;
const NO_SUCH_VERSION = 40402;
const NO_SUCH_SCHEMA = 40403;
const NO_OWN_COMPATIBILITY = 40408;

/** The registry answers, and does not take the schema. */
export class SchemaRefusedError extends Error {
  override readonly name = 'SchemaRefusedError';
}

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** The answer has more than MAX_ANSWER_BYTES, of which nothing is in `body`. */
  readonly isTooLarge: boolean;
}

export class SchemaRegistry implements SchemaSource {
  readonly #connection: RegistryConnection;
  readonly #timeoutMs: number;
  /** A registry may repeat what it was sent, and its words are shown to everyone who asks for readiness. */
  readonly #hide: HideSecrets;
  readonly #references = new SchemaReferences((subject, version) => this.#version(subject, version));

  /** @param timeoutMs for each request with its answer, in milliseconds */
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

  /** A version that others refer to. They keep it in use after its subject is deleted. */
  async #version(subject: string, version: number): Promise<RegisteredText> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}?deleted=true`;
    return registeredText(await this.#ask('GET', path), path, [NO_SUCH_SUBJECT, NO_SUCH_VERSION, NO_SUCH_SCHEMA]);
  }

  /** The id that the schema has under `subject`; null where it is not registered there. */
  async idOf(subject: string, schema: object): Promise<number | null> {
    const path = `/subjects/${encodeURIComponent(subject)}`;
    const answer = await this.#ask('POST', path, { schema: JSON.stringify(schema) });
    if (isDenied(answer, [NO_SUCH_SUBJECT, NO_SUCH_SCHEMA])) return null;
    const { id } = this.#found(answer, path).body;
    if (typeof id !== 'number') throw unusable(path, answer);
    return id;
  }

  /** The id of the first version of `subject`, which stays when schemas are upgraded; null for an unknown subject. */
  async idOfFirstVersion(subject: string): Promise<number | null> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/1`;
    const answer = await this.#ask('GET', path);
    if (isDenied(answer, [NO_SUCH_SUBJECT, NO_SUCH_VERSION])) return null;
    const { id } = this.#found(answer, path).body;
    if (typeof id !== 'number') throw unusable(path, answer);
    return id;
  }

  /**
   * Registers the schema as the newest version of `subject`, which from then on takes only versions that can read all
   * former ones. Registering what is there already gives its id again.
   * @throws RegistryUnavailableError; SchemaRefusedError, with the registry's words
   */
  async register(subject: string, schema: object): Promise<number> {
    const pathOfConfig = configOf(subject);
    this.#found(await this.#ask('PUT', pathOfConfig, { compatibility: COMPATIBILITY }), pathOfConfig);
    const path = `/subjects/${encodeURIComponent(subject)}/versions`;
    const answer = await this.#ask('POST', path, { schema: JSON.stringify(schema) });
    if (REFUSALS.includes(answer.status))
      throw new SchemaRefusedError(`the schema registry does not take a version of ${subject}: ${wordsOf(answer)}`);
    const { id } = this.#found(answer, path).body;
    if (typeof id !== 'number') throw unusable(path, answer);
    return id;
  }

  /**
   * Whether `register` would be accepted, in the registry's words. A new subject takes any schema; one that demands
   * less compatibility than we do would take any too, so that its consent means nothing.
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
    const reason = `the subject demands ${demanded ?? 'no'} compatibility, not ${COMPATIBILITY}: registering sets it`;
    return { compatible: false, reasons: [reason] };
  }

  /** Null where the subject has none of its own. */
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

/** A question that any registry can answer. @returns a function that rejects with RegistryUnavailableError without an answer */
export function askRegistry({ schemaRegistry, topics }: Pick<Config, 'schemaRegistry' | 'topics'>) {
  const registry = new SchemaRegistry(schemaRegistry);
  return () => registry.idOfFirstVersion(`${topics.companySynchronized}-value`);
}

function configOf(subject: string): string {
  return `/config/${encodeURIComponent(subject)}`;
}

/** A 404 of the registry itself; one of a proxy before it has no such code. */
function isDenied({ status, body }: Answer, codes: readonly number[]): boolean {
  return status === 404 && typeof body.error_code === 'number' && codes.includes(body.error_code);
}

function unusable(path: string, { status, body, isTooLarge }: Answer): RegistryUnavailableError {
  const words = isTooLarge ? `more than ${MAX_ANSWER_BYTES} bytes` : wordsOf({ body });
  const message = words === '' ? '' : `: ${words}`;
  const hint = status === 401 || status === 403 ? ' (check SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD)' : '';
  return new RegistryUnavailableError(`the schema registry answers ${path} with ${status}${message}${hint}`);
}

function wordsOf({ body }: Pick<Answer, 'body'>): string {
  return typeof body.message === 'string' ? body.message.slice(0, MAX_WORDS_LENGTH) : '';
}

/** Null for more than MAX_ANSWER_BYTES. */
function textOf(response: Response): Promise<string | null> {
  return boundedText(response, MAX_ANSWER_BYTES).catch((error: unknown) => {
    if (error instanceof AnswerTooLargeError) return null;
    throw error;
  });
}

/** The schema in an answer; null if the registry denies that it has it. @throws RegistryUnavailableError */
function registeredText(answer: Answer, path: string, denials: readonly number[]): RegisteredText {
  if (isDenied(answer, denials)) return null;
  if (answer.status !== 200) throw unusable(path, answer);
  // A schema that is too large or of another type is an answer too: nothing that could be a SyncEvent.
  if (answer.isTooLarge) return unusableSchema(`the schema has more than ${MAX_ANSWER_BYTES} bytes`);
  const { schema, schemaType, references } = answer.body;
  if (typeof schema !== 'string') throw unusable(path, answer);
  if (schemaType !== undefined && schemaType !== 'AVRO')
    return unusableSchema(`the schema is not Avro but ${JSON.stringify(schemaType)}`);
  if (isTooDeep(schema)) return unusableSchema('the schema has too many types inside each other');
  return { schema: parseObject(schema), references };
}

function unusableSchema(why: string): RegisteredText {
  return { schema: new UnusableSchema(why), references: [] };
}

function parseObject(text: string): object {
  try {
    const parsed: unknown = JSON.parse(text);
    // A bare "string" is a schema too.
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
    return {}; // no JSON, so no answer of a registry: the status alone will be judged
  }
}

/** All that fails outside is a TypeError of one of these words, whatever lies below: a redirect to nowhere is a TypeError too. */
function isFailureOfFetch(error: unknown): boolean {
  const { message } = error as { readonly message?: unknown };
  return message === 'fetch failed' || message === 'terminated';
}

/** What fetch throws says only that it failed; the reason lies below. */
function reasonOf(error: unknown): string {
  const reason = (error as { readonly cause?: unknown }).cause ?? error;
  return reason instanceof Error ? reason.message : String(reason);
}
