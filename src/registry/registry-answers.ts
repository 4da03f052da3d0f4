/** What a schema registry answers, and what that means. */
import { UnusableSchema } from '../avro/schema.js';
import { RegistryUnavailableError } from '../decode/schema-source.js';
import { AnswerTooLargeError, boundedText } from '../lib/bounded-answer.js';
import type { HideSecrets } from '../lib/hide-secrets.js';
import { exceededJsonLimit } from '../lib/json-limits.js';
import { withoutCommands } from '../lib/shell-command.js';
import type { RegisteredText } from './schema-references.js';

/**
 * Enough: a registry keeps each schema in a Kafka record, which has at most 1 MB by default. Each character costs time of
 * the thread that all partitions share (`npm run bench:costs`).
 */
export const MAX_ANSWER_BYTES = 1024 * 1024;
/** Of the answer to a command's check: a registry may repeat both schemas in each reason. */
export const MAX_CHECK_BYTES = 4 * 1024 * 1024;
/** The longest pause that a registry may ask for, and the pause if it refuses a request as one too many. */
const MAX_PAUSE_MS = 60_000;
const USUAL_PAUSE_MS = 1_000;
/** The most characters of the registry's own text in a message. */
const MAX_WORDS_LENGTH = 2_000;
/** A registry gives a reason for each field and each former version that does not fit. */
const MAX_REASONS = 20;
/** The error codes with which a registry denies a subject, a version or a schema, in an answer with status 404. */
export const NO_SUCH_SUBJECT = 40401;
export const NO_SUCH_VERSION = 40402;
export const NO_SUCH_SCHEMA = 40403;
export const NO_OWN_COMPATIBILITY = 40408;

const MAX_SCHEMA_ID = 0x7fffffff;

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** The limit of bytes that the answer exceeds; null if it does not. If it does, `body` is empty. */
  readonly exceeds: number | null;
  /** The limit of JSON that the answer exceeds, in words; null if it does not. If it does, `body` is empty. */
  readonly jsonLimit: string | null;
  /** The pause that the registry asks for; null if it asks for none. */
  readonly retryAfterMs: number | null;
  readonly hide: HideSecrets;
}

/** The pause that the registry asks for, in milliseconds; null if it asks for none. */
export function pauseAskedFor({ status, headers }: Response): number | null {
  const seconds = Number(headers.get('retry-after') ?? NaN);
  if (status !== 429 && !(status === 503 && seconds > 0)) return null;
  return seconds > 0 ? Math.min(seconds * 1_000, MAX_PAUSE_MS) : USUAL_PAUSE_MS;
}

/**
 * Whether the answer is a denial of the registry itself. A 404 of a proxy in front of the registry does not have such
 * an error code.
 */
export function isDenied({ status, body }: Answer, codes: readonly number[]): boolean {
  return status === 404 && typeof body.error_code === 'number' && codes.includes(body.error_code);
}

export function unusable(path: string, answer: Answer): RegistryUnavailableError {
  const { status, exceeds, retryAfterMs } = answer;
  const text = exceeds === null ? textIn(answer) : `more than ${exceeds} bytes`;
  const message = text === '' ? '' : `: ${text}`;
  const hint = status === 401 || status === 403 ? ' (check SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD)' : '';
  return new RegistryUnavailableError(`the schema registry answered ${path} with ${status}${message}${hint}`, {
    retryAfterMs,
  });
}

/** The schema's id, which must fit into the four bytes that it has in a record. @throws RegistryUnavailableError */
export function idIn(answer: Answer, path: string): number {
  const { id } = answer.body;
  if (typeof id !== 'number') throw unusable(path, answer);
  if (Number.isInteger(id) && id >= 0 && id <= MAX_SCHEMA_ID) return id;
  throw new RegistryUnavailableError(
    `the schema registry answered ${path} with the id ${wordsOf(answer, id)}, which is not a whole number from 0 to ${MAX_SCHEMA_ID}`,
  );
}

/** The registry's own message; empty without one. */
export function textIn(answer: Answer): string {
  return typeof answer.body.message === 'string' ? wordsOf(answer, answer.body.message) : '';
}

/**
 * A part of an answer as it may stand in a message: cut, and without secrets, because a registry may repeat a request.
 * Every message with the registry's own text takes it from here.
 */
export function wordsOf({ hide }: Answer, part: unknown): string {
  const text = typeof part === 'string' ? part : (JSON.stringify(part) ?? '');
  return withoutCommands(hide(text).slice(0, MAX_WORDS_LENGTH));
}

/** The reasons in an answer, the first of them. */
export function reasonsIn(answer: Answer, reasons: readonly unknown[]): string[] {
  const shown = reasons.slice(0, MAX_REASONS).map((reason) => wordsOf(answer, reason));
  return reasons.length > shown.length ? [...shown, `and ${reasons.length - shown.length} other reasons`] : shown;
}

/** The body of a response; null if it has more than `maxBytes`. */
export function textOf(response: Response, maxBytes: number): Promise<string | null> {
  return boundedText(response, maxBytes).catch((error: unknown) => {
    if (error instanceof AnswerTooLargeError) return null;
    throw error;
  });
}

/** The schema in an answer; null if the registry does not have it. @throws RegistryUnavailableError */
export function registeredText(answer: Answer, path: string, denials: readonly number[]): RegisteredText {
  if (isDenied(answer, denials)) return null;
  if (answer.status !== 200) throw unusable(path, answer);
  // The answer has the metadata of the schema too, and its author writes them. So a later request gets the same answer.
  if (answer.jsonLimit !== null) return unusableSchema(`the answer with the schema is refused: ${answer.jsonLimit}`);
  // A schema of another type is a usable answer: it cannot be a SyncEvent.
  const { schema, schemaType, references } = answer.body;
  if (typeof schema !== 'string') throw unusable(path, answer);
  if (schemaType !== undefined && schemaType !== 'AVRO')
    return unusableSchema(`the schema is not Avro but ${wordsOf(answer, JSON.stringify(schemaType))}`);
  const exceeded = exceededJsonLimit(schema);
  if (exceeded !== null) return unusableSchema(`the text of the schema is not usable: ${exceeded}`);
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

/** The text must be within the limits of JSON (lib/json-limits.ts). */
export function asRecord(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {}; // The body is not JSON, so it is not from a registry. Only the status counts.
  }
}
