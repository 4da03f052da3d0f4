/**
 * Finds the types that a schema uses but does not define, because they are registered as their own subjects.
 *
 * A registry returns such a schema as it was registered, with a list of references. A reference has the name of a type,
 * and the subject and version that define it. That version may have references too.
 */
import { SchemaWithReferences, UnusableSchema } from '../avro/schema.js';

/** The most subjects that one schema may lead to. More are an attack or a mistake, and each costs a request. */
const MAX_REFERENCES = 100;
/** Of the name and of the subject of a reference. */
const MAX_NAME_CHARACTERS = 1_024;
/** All schemas that one schema leads to may have this many characters together, and each answer this many bytes. */
export const MAX_REFERRED_CHARACTERS = 1_024 * 1_024;
/**
 * Versions never change, so they are kept, up to this many characters. Most versions have a few thousand characters.
 */
export const MAX_KEPT_CHARACTERS = 2 * 1_024 * 1_024;

/** A schema as a registry returns it; null if the registry does not have it. */
export type RegisteredText = { readonly schema: object; readonly references: unknown } | null;

interface Kept {
  readonly text: NonNullable<RegisteredText>;
  readonly characters: number;
}

/** The types that one schema leads to. */
interface Found {
  readonly types: Map<string, object>;
  readonly maxCharacters: number;
  /** Aborts when the registry must have returned all of them. */
  readonly end: AbortSignal;
  characters: number;
}

/** Asks the registry for a version, unless its answer has more bytes than the limit. */
type AskForVersion = (
  subject: string,
  version: number,
  maxBytes: number,
  end: AbortSignal,
) => Promise<RegisteredText | 'too-large'>;

interface Reference {
  readonly name: string;
  readonly subject: string;
  readonly version: number;
}

/** The references of a schema, direct or indirect, cannot be used. This file throws and catches it. */
class BadReferencesError extends Error {
  override readonly name = 'BadReferencesError';
}

/** The types that a schema leads to have more characters than the caller allows. */
class TooManyCharactersError extends Error {
  override readonly name = 'TooManyCharactersError';
}

export class SchemaReferences {
  readonly #versionOf: AskForVersion;
  readonly #kept = new Map<string, Kept>();
  #keptCharacters = 0;

  /** @param versionOf asks the registry */
  constructor(versionOf: AskForVersion) {
    this.#versionOf = versionOf;
  }

  /**
   * Completes a schema with the types that it refers to.
   * @param maxCharacters of these types, at most MAX_REFERRED_CHARACTERS
   * @param end ends the requests. Types found by then are kept, so the next call continues from there
   * @returns null if the registry does not have one of these types. Treat the schema as one whose id is unknown
   * @throws what asking the registry throws
   */
  async resolve(
    { schema, references }: NonNullable<RegisteredText>,
    maxCharacters = MAX_REFERRED_CHARACTERS,
    end: AbortSignal = new AbortController().signal,
  ): Promise<object | null | 'too-large'> {
    const found: Found = { types: new Map(), maxCharacters, end, characters: 0 };
    try {
      if (!(await this.#find(references, new Set(), found))) return null;
    } catch (error) {
      if (error instanceof BadReferencesError) return new UnusableSchema(error.message);
      if (error instanceof TooManyCharactersError) {
        if (maxCharacters < MAX_REFERRED_CHARACTERS) return 'too-large';
        return new UnusableSchema(`its references lead to more than ${MAX_REFERRED_CHARACTERS} characters`);
      }
      throw error;
    }
    return found.types.size === 0 ? schema : new SchemaWithReferences([...found.types.values()], schema);
  }

  /** Adds the types that `references` lead to, by name, to `found`. @returns false if the registry does not have one */
  async #find(references: unknown, seen: Set<string>, found: Found): Promise<boolean> {
    for (const { name, subject, version } of referencesOf(references)) {
      if (seen.has(name)) continue; // The first type of a name counts. Also, references may form a circle.
      seen.add(name);
      if (seen.size > MAX_REFERENCES)
        throw new BadReferencesError(`its references lead to more than ${MAX_REFERENCES} others`);
      const referred = await this.#version(subject, version, found);
      if (referred === null) return false;
      found.characters += referred.characters;
      if (found.characters > found.maxCharacters) throw new TooManyCharactersError();
      if (!(await this.#find(referred.text.references, seen, found))) return false;
      found.types.set(name, referred.text.schema);
    }
    return true;
  }

  async #version(subject: string, version: number, { maxCharacters, end }: Found): Promise<Kept | null> {
    const key = `${version}/${subject}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const text = await this.#versionOf(subject, version, maxCharacters, end);
    if (text === 'too-large') throw new TooManyCharactersError();
    if (text === null) return null;
    const characters = key.length + JSON.stringify(text).length;
    if (this.#keptCharacters + characters > MAX_KEPT_CHARACTERS) {
      this.#kept.clear();
      this.#keptCharacters = 0;
    }
    const answered = { text, characters };
    this.#kept.set(key, answered);
    this.#keptCharacters += characters;
    return answered;
  }
}

function referencesOf(references: unknown): readonly Reference[] {
  if (references === undefined || references === null) return [];
  if (Array.isArray(references) && references.every(isReference)) return references;
  throw new BadReferencesError('its references are not a list of names, subjects and versions');
}

function isReference(value: unknown): value is Reference {
  if (typeof value !== 'object' || value === null) return false;
  const { name, subject, version } = value as Partial<Reference>;
  return isShortText(name) && isShortText(subject) && Number.isInteger(version);
}

/** A subject becomes a part of a URL, which exists only for well-formed text. */
function isShortText(text: unknown): boolean {
  return typeof text === 'string' && text.length <= MAX_NAME_CHARACTERS && /^\P{Cs}*$/u.test(text);
}
