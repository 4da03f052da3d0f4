/** Turns values of the client-settings topic into the clients' choices. */
import { AvroReader, type ValueReader } from '../avro/avro-reader.js';
import { PLAIN_SHAPES, type ValueShapes } from '../avro/record-shape.js';
import { framingFault, schemaIdOf } from '../avro/framing.js';
import { MAX_TEXT_BYTES, utf8Bytes } from '../domain/limits.js';
import type { Policy } from '../domain/policy.js';
import { foreignText } from '../lib/foreign-text.js';
import { BatchDecoding, type ValueDecoder } from './batch-decoding.js';
import { MAX_REASON_CHARACTERS } from './bad-record.js';
import type { SchemaResolution } from './schema-resolution.js';
import type { OpenIds } from './schema-search.js';

export interface ClientSetting {
  readonly kind: 'setting';
  readonly clientId: string;
  readonly policy: Policy;
}

/** A choice that cannot be read. Of `unknown-schema`, the schema may still be registered. */
export interface UnreadableSetting {
  readonly kind: 'unreadable' | 'unknown-schema';
  readonly why: string;
}

interface RecordSchema {
  readonly fields: readonly { readonly type: unknown }[];
}

interface RawSetting {
  readonly clientId: string;
  readonly synchronizedTrigger: string;
}

/** Stands for a choice that a newer portal may offer. The enum of the contract has no default. */
const UNKNOWN_TRIGGER = 'UNKNOWN_TRIGGER';

const SETTING_SHAPES: ValueShapes = {
  ...PLAIN_SHAPES,
  records: {
    ClientSettings: {
      used: ['clientId', 'synchronizedTrigger'],
      ids: ['clientId'],
      make: (clientId: string, synchronizedTrigger: string): RawSetting => ({ clientId, synchronizedTrigger }),
    },
  },
};

/** Reads values of one registered schema. */
export type ClientSettingsReader = ValueReader<RawSetting>;

/** The `ClientSettings` schema of company-sync. */
export class ClientSettingsSchema {
  readonly #settings: AvroReader<RawSetting>;

  /** @param schema schemas/client-settings-value */
  constructor(schema: object) {
    this.#settings = new AvroReader(withUnknownTrigger(schema as RecordSchema), SETTING_SHAPES);
  }

  /** Prepares reading values of a registered schema. */
  compile(registered: object): ClientSettingsReader {
    return this.#settings.of(registered);
  }
}

type SettingResult = ClientSetting | UnreadableSetting;
type SettingsDecoding = BatchDecoding<Buffer, ClientSettingsReader, SettingResult>;

const VALUES: ValueDecoder<Buffer, ClientSettingsReader, SettingResult> = {
  schemaIdOf: (value) => (framingFault(value) === null ? schemaIdOf(value) : null),
  isRepair: () => false,
  decode: (value, _, schema) => decodeSetting(value, schema),
};

/** The name under which these requests take their turns at the registry. */
const ASKER = 'client settings';

export class ClientSettingsDecoder {
  readonly #schemas: SchemaResolution<ClientSettingsReader>;
  /** Batches whose decoding has failed. */
  readonly #begun = new WeakMap<readonly Buffer[], SettingsDecoding>();

  constructor(schemas: SchemaResolution<ClientSettingsReader>) {
    this.#schemas = schemas;
  }

  /**
   * Decodes values; returns one result for each, in their order. A tombstone has no value: the caller handles it.
   *
   * @param values if decoding them fails, call it again with the same array: what is known by then is kept
   * @param onWait called before each pause until ids count as unknown
   * @throws RegistryUnavailableError if the registry gave no usable answer about a schema; DecodingAbortedError
   */
  async decodeBatch(
    values: readonly Buffer[],
    signal: AbortSignal,
    onWait?: (open: OpenIds) => void,
  ): Promise<readonly SettingResult[]> {
    const decoding = this.#begun.get(values) ?? new BatchDecoding(this.#schemas, values, VALUES, ASKER);
    this.#begun.set(values, decoding);
    return decoding.all(signal, onWait);
  }
}

/** @param schema the schema of the value; undefined if unknown */
function decodeSetting(value: Buffer, schema: ClientSettingsReader | undefined): ClientSetting | UnreadableSetting {
  const fault = framingFault(value);
  if (fault !== null) return unreadable(fault);
  const id = schemaIdOf(value);
  if (schema === undefined) return { kind: 'unknown-schema', why: `the schema registry has no schema ${id}` };
  try {
    const { clientId, synchronizedTrigger } = schema.read(value);
    // No accepted record can belong to such a client. The message does not quote the id, because it is too long.
    if (utf8Bytes(clientId) > MAX_TEXT_BYTES)
      return unreadable(`its clientId has ${utf8Bytes(clientId)} bytes, and at most ${MAX_TEXT_BYTES} are allowed`);
    if (isPolicy(synchronizedTrigger)) return { kind: 'setting', clientId, policy: synchronizedTrigger };
    return unreadable(`client ${foreignText(clientId)} chose a synchronizedTrigger unknown to this version`);
  } catch (error) {
    // Any error in reading these bytes is caused by these bytes.
    const why = (error as Error).message.slice(0, MAX_REASON_CHARACTERS);
    return unreadable(`it cannot be read as ClientSettings from schema ${id}: ${why}`);
  }
}

function unreadable(why: string): UnreadableSetting {
  return { kind: 'unreadable', why };
}

const POLICIES: Readonly<Record<Policy, true>> = { FIRST_DATASET: true, ALL_DATASETS: true };

function isPolicy(trigger: string): trigger is Policy {
  return Object.hasOwn(POLICIES, trigger);
}

/**
 * Gives a default to each enum that has none. So a symbol added by a writer only makes its own record unreadable, not
 * the schema.
 */
function withUnknownTrigger({ fields, ...record }: RecordSchema): object {
  const tolerant = fields.map((field) => {
    const type = field.type as {
      readonly type?: unknown;
      readonly symbols?: readonly string[];
      readonly default?: unknown;
    };
    if (type.type !== 'enum' || type.symbols === undefined || type.default !== undefined) return field;
    return { ...field, type: { ...type, symbols: [...type.symbols, UNKNOWN_TRIGGER], default: UNKNOWN_TRIGGER } };
  });
  return { ...record, fields: tolerant };
}
