/**
 * A client of the schema registry's Confluent-compatible API. Each request has a limit of time and of bytes. The usual
 * library (@kafkajs/confluent-schema-registry) has neither limit. It also turns a refused connection into a 400, but
 * here an outage must never look like an answer.
 */
import type { Config } from '../config.js';
import { RegistryUnavailableError, type SchemaAsker, type SchemaSource } from '../decode/schema-source.js';
import { isOwnFault } from '../lib/own-fault.js';
import { exceededJsonLimit } from '../lib/json-limits.js';
import { hiderOf, type HideSecrets } from '../lib/hide-secrets.js';
import { reasonOf } from '../lib/reason-of.js';
import {
  asRecord,
  idIn,
  isDenied,
  MAX_ANSWER_BYTES,
  MAX_CHECK_BYTES,
  NO_OWN_COMPATIBILITY,
  NO_SUCH_SCHEMA,
  NO_SUCH_SUBJECT,
  NO_SUCH_VERSION,
  pauseAskedFor,
  registeredText,
  reasonsIn,
  textIn,
  textOf,
  unusable,
  wordsOf,
  type Answer,
} from './registry-answers.js';
import { SchemaReferences, type RegisteredText } from './schema-references.js';
import { SchemaTurns, type LookUpLimits } from './schema-turns.js';

export type RegistryConnection = Config['schemaRegistry'];

export type Compatibility = { readonly compatible: true } | { readonly compatible: false; readonly reasons: string[] };

const REQUEST_TIMEOUT_MS = 5_000;
/** A reader with the newest version can read records of all former versions. */
const COMPATIBILITY = 'BACKWARD_TRANSITIVE';
/** The statuses with which a registry refuses a schema: not compatible with former versions, or not valid. */
const REFUSALS: readonly number[] = [409, 422];
/** The registry has refused the schema. */
export class SchemaRefusedError extends Error {
  override readonly name = 'SchemaRefusedError';
}

export class SchemaRegistry implements SchemaSource {
  readonly #connection: RegistryConnection;
  readonly #timeoutMs: number;
  /**
   * Hides the password, because a registry may repeat a request in its answer, and `/partitions` and the log show that
   * text.
   */
  readonly #hide: HideSecrets;
  readonly #references = new SchemaReferences((...version) => this.#version(...version));
  readonly #turns = new SchemaTurns((id, limits) => this.#lookUp(id, limits));

  /** @param timeoutMs the limit for each request with its answer, in milliseconds */
  constructor(connection: RegistryConnection, timeoutMs = REQUEST_TIMEOUT_MS) {
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
    const { username, password } = connection.credentials ?? {};
    this.#hide = hiderOf(password === undefined ? [] : [password, `${username}:${password}`]);
  }

  withSchema<T>(id: number, asker: SchemaAsker, use: (schema: object | null) => T | Promise<T>): Promise<T> {
    return this.#turns.withSchema(id, asker, use);
  }

  async #lookUp(
    id: number,
    { maxBytes, maxCharacters, timeoutMs }: LookUpLimits,
  ): Promise<object | null | 'too-large'> {
    const path = `/schemas/ids/${id}`;
    const end = AbortSignal.timeout(timeoutMs);
    try {
      const answer = await this.#ask('GET', path, undefined, maxBytes, end);
      if (answer.status === 200 && answer.exceeds !== null) return 'too-large';
      const found = registeredText(answer, path, [NO_SUCH_SCHEMA]);
      return found === null ? null : await this.#references.resolve(found, maxCharacters, end);
    } catch (cause) {
      if (!end.aborted || !(cause instanceof RegistryUnavailableError)) throw cause;
      const message = `the schema registry did not return schema ${id} with its references within ${timeoutMs / 1_000} s`;
      throw new RegistryUnavailableError(message, { cause });
    }
  }

  /** A version that other schemas refer to. It may still be in use after its subject was deleted. */
  async #version(
    subject: string,
    version: number,
    maxBytes: number,
    end: AbortSignal,
  ): Promise<RegisteredText | 'too-large'> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}?deleted=true`;
    const answer = await this.#ask('GET', path, undefined, maxBytes, end);
    if (answer.status === 200 && answer.exceeds !== null) return 'too-large';
    return registeredText(answer, path, [NO_SUCH_SUBJECT, NO_SUCH_VERSION, NO_SUCH_SCHEMA]);
  }

  /** The id that the schema has under `subject`; null if it is not registered there. */
  async idOf(subject: string, schema: object): Promise<number | null> {
    const path = `/subjects/${encodeURIComponent(subject)}`;
    const answer = await this.#ask('POST', path, { schema: JSON.stringify(schema) });
    if (isDenied(answer, [NO_SUCH_SUBJECT, NO_SUCH_SCHEMA])) return null;
    return idIn(this.#found(answer, path), path);
  }

  /**
   * The id of the first version of `subject`, which stays after upgrades of schemas; null if the subject is unknown.
   */
  async idOfFirstVersion(subject: string): Promise<number | null> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/1`;
    const answer = await this.#ask('GET', path);
    if (isDenied(answer, [NO_SUCH_SUBJECT, NO_SUCH_VERSION])) return null;
    return idIn(this.#found(answer, path), path);
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
    return idIn(this.#found(answer, path), path);
  }

  /**
   * Whether the registry would accept `register`, and if not, why. A new subject accepts any schema. If the subject
   * demands less compatibility than we do, the registry's consent proves nothing. So the schema counts as not
   * compatible.
   */
  async check(subject: string, schema: object): Promise<Compatibility> {
    const path = `/compatibility/subjects/${encodeURIComponent(subject)}/versions?verbose=true`;
    const answer = await this.#ask('POST', path, { schema: JSON.stringify(schema) }, MAX_CHECK_BYTES);
    if (isDenied(answer, [NO_SUCH_SUBJECT, NO_SUCH_VERSION])) return { compatible: true };
    if (answer.status === 422) return { compatible: false, reasons: reasonsIn(answer, [answer.body.message]) };
    const { is_compatible: compatible, messages } = this.#found(answer, path).body;
    if (typeof compatible !== 'boolean') throw unusable(path, answer);
    if (!compatible)
      return {
        compatible,
        reasons: reasonsIn(answer, Array.isArray(messages) ? messages : ['the registry gives no reason']),
      };
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
    return wordsOf(answer, compatibilityLevel);
  }

  #found(answer: Answer, path: string): Answer {
    if (answer.status !== 200) throw unusable(path, answer);
    return answer;
  }

  async #ask(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    body?: object,
    maxBytes = MAX_ANSWER_BYTES,
    end?: AbortSignal,
  ): Promise<Answer> {
    const { url, credentials } = this.#connection;
    const headers: Record<string, string> = { accept: 'application/vnd.schemaregistry.v1+json, application/json' };
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (credentials !== null)
      headers.authorization = `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
    const request = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const { response, text } = await this.#fetch(url + path, request, maxBytes, end).catch((cause: unknown) => {
      if (isOwnFault(cause) && !isFailureOfFetch(cause)) throw cause;
      throw new RegistryUnavailableError(`the schema registry at ${url} does not answer: ${reasonOf(cause)}`, {
        cause,
      });
    });
    const { status } = response;
    const exceeded = exceededJsonLimit(text ?? '');
    const answered = exceeded === null ? asRecord(text ?? '') : {};
    // A proxy may answer with a page of its own. That is not a JSON object, so it says nothing about the schema.
    const jsonLimit = /^\s*\{/.test(text ?? '') ? exceeded : null;
    return {
      status,
      body: answered,
      jsonLimit,
      exceeds: text === null ? maxBytes : null,
      retryAfterMs: pauseAskedFor(response),
      hide: this.#hide,
    };
  }

  async #fetch(
    url: string,
    request: RequestInit,
    maxBytes: number,
    end?: AbortSignal,
  ): Promise<{ response: Response; text: string | null }> {
    const timeout = AbortSignal.timeout(this.#timeoutMs);
    const signal = end === undefined ? timeout : AbortSignal.any([timeout, end]);
    const response = await fetch(url, { ...request, signal });
    return { response, text: await textOf(response, maxBytes) };
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
 * `fetch` reports every network failure as a TypeError with one of these messages. An invalid redirect is a TypeError
 * too.
 */
function isFailureOfFetch(error: unknown): boolean {
  const { message } = error as { readonly message?: unknown };
  return message === 'fetch failed' || message === 'terminated';
}
