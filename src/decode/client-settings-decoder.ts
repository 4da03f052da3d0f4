/** Values of the client-settings topic -> what the client chose. */
import avro from 'avsc';
import { MAX_TEXT_BYTES, utf8Bytes } from '../domain/limits.js';
import type { Policy } from '../domain/policy.js';
import { createCheckedResolver, type CheckedResolver } from './checked-resolver.js';
import { CheckedTap } from './checked-tap.js';
import { FRAME_BYTES, framingFault, schemaIdOf } from './framing.js';
import { judgeSchema, type ReadableSchema } from './readable-schema.js';
import type { SchemaResolution } from './schema-resolution.js';

export interface ClientSetting {
  readonly kind: 'setting';
  readonly clientId: string;
  readonly policy: Policy;
}

/** A setting that cannot be read: to be reported; the client keeps what was in force. */
export interface UnreadableSetting {
  readonly kind: 'unreadable';
  readonly why: string;
}

interface RawSetting {
  readonly clientId: string;
  readonly synchronizedTrigger: string;
}

/** Stands for a choice that a newer portal may offer. The contract's own enum has no default. */
const UNKNOWN_TRIGGER = 'UNKNOWN_TRIGGER';

/** Our `ClientSettings`. */
export class ClientSettingsSchema {
  readonly #reader: avro.Type;

  /** @param schema schemas/client-settings-value */
  constructor(schema: object) {
    this.#reader = avro.Type.forSchema(schema as avro.Schema, { typeHook: withUnknownTrigger });
  }

  /** Judges a registered schema and prepares reading values of it. */
  compile(registered: object): ReadableSchema<ClientSettingsReader> {
    return judgeSchema(registered, (writer) => new ClientSettingsReader(createCheckedResolver(this.#reader, writer)));
  }
}

/** Reads values of one registered schema. */
export class ClientSettingsReader {
  readonly #resolver: CheckedResolver<RawSetting>;
  readonly #tap = new CheckedTap();

  constructor(resolver: CheckedResolver<RawSetting>) {
    this.#resolver = resolver;
  }

  /** @throws Error where the framed value is not one of the schema */
  read(framed: Buffer): RawSetting {
    this.#tap.start(framed, FRAME_BYTES);
    const setting = this.#resolver._read(this.#tap);
    this.#tap.finish();
    return setting;
  }
}

export class ClientSettingsDecoder {
  readonly #schemas: SchemaResolution<ReadableSchema<ClientSettingsReader>>;

  constructor(schemas: SchemaResolution<ReadableSchema<ClientSettingsReader>>) {
    this.#schemas = schemas;
  }

  /**
   * One result for each value, in their order. Tombstones have no value and are the caller's.
   *
   * @throws RegistryUnavailableError where a schema could not be asked for; DecodingAbortedError
   */
  async decodeBatch(
    values: readonly Buffer[],
    signal: AbortSignal,
  ): Promise<readonly (ClientSetting | UnreadableSetting)[]> {
    const missing = new Set<number>();
    for (const value of values) {
      if (framingFault(value) !== null) continue;
      const id = schemaIdOf(value);
      if (this.#schemas.get(id) === undefined) missing.add(id);
    }
    if (missing.size > 0) await this.#schemas.resolve(missing, signal);
    return values.map((value) => this.#decode(value));
  }

  #decode(value: Buffer): ClientSetting | UnreadableSetting {
    const fault = framingFault(value);
    if (fault !== null) return unreadable(fault);
    const id = schemaIdOf(value);
    const schema = this.#schemas.get(id);
    if (schema === undefined) return unreadable(`the schema registry has no schema ${id}`);
    if (schema.kind === 'unreadable') return unreadable(`schema ${id} cannot be read as ClientSettings: ${schema.why}`);
    try {
      const { clientId, synchronizedTrigger } = schema.reader.read(value);
      // No record that is read has such a client. Its id is not quoted.
      if (utf8Bytes(clientId) > MAX_TEXT_BYTES)
        return unreadable(`its clientId has ${utf8Bytes(clientId)} bytes, and at most ${MAX_TEXT_BYTES} are allowed`);
      if (isPolicy(synchronizedTrigger)) return { kind: 'setting', clientId, policy: synchronizedTrigger };
      return unreadable(`client ${clientId} chose a synchronizedTrigger that this version does not know`);
    } catch (error) {
      // Whatever went wrong in reading these bytes lies in these bytes.
      return unreadable(`the value does not fit its schema ${id}: ${(error as Error).message}`);
    }
  }
}

function unreadable(why: string): UnreadableSetting {
  return { kind: 'unreadable', why };
}

function isPolicy(trigger: string): trigger is Policy {
  return trigger === 'FIRST_DATASET' || trigger === 'ALL_DATASETS';
}

/** Gives the trigger enum a default, so that a symbol added by a writer spoils its own record and not its schema. */
function withUnknownTrigger(part: avro.Schema, options: avro.ForSchemaOptions): avro.Type | undefined {
  const schema = part as { readonly type?: unknown; readonly symbols?: readonly string[]; readonly default?: string };
  if (schema.type !== 'enum' || schema.symbols === undefined || schema.default !== undefined) return undefined;
  const tolerant = { ...schema, symbols: [...schema.symbols, UNKNOWN_TRIGGER], default: UNKNOWN_TRIGGER };
  return avro.Type.forSchema(tolerant as unknown as avro.Schema, options);
}
