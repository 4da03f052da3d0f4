/** Decodes values of `company-synchronized` with the schemas that they were written with. */
import avro from 'avsc';
import { mustFitItsLength } from './avro-budget.js';

/** The Confluent wire format: a zero byte, the schema id in four bytes, then the Avro value. */
const FRAME_BYTES = 5;
const ANSWER_TIMEOUT_MS = 5_000;
/** A registry keeps a schema in a record of Kafka, which is 1 MB at most by default. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
/** The most types of one schema. Ours has about 20. */
const MAX_TYPES = 10_000;
/** The most schemas to keep. Ours has a version or two; others may register as many as they like. */
const MAX_KEPT_SCHEMAS = 100;

export class AnnouncementReader {
  readonly #registryUrl: string;
  readonly #types = new Map<number, avro.Type>();

  constructor(registryUrl: string) {
    this.#registryUrl = registryUrl;
  }

  /** @throws Error if the registry does not return the schema, or the value does not match it */
  async read(value: Buffer): Promise<unknown> {
    if (value.length < FRAME_BYTES || value[0] !== 0) throw new Error('the value does not begin with a schema id');
    const type = await this.#typeOf(value.readInt32BE(1));
    const bytes = value.subarray(FRAME_BYTES);
    mustFitItsLength(type, bytes);
    return type.fromBuffer(bytes) as unknown;
  }

  async #typeOf(id: number): Promise<avro.Type> {
    const known = this.#types.get(id);
    if (known !== undefined) return known;
    const url = `${this.#registryUrl}/schemas/ids/${id}`;
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    const body = await textOf(response);
    if (!response.ok) throw new Error(`${url} answered ${response.status}: ${body.slice(0, 200)}`);
    const { schema } = JSON.parse(body) as { readonly schema: string };
    const type = typeOf(JSON.parse(schema) as avro.Schema);
    if (this.#types.size >= MAX_KEPT_SCHEMAS) this.#types.clear();
    this.#types.set(id, type);
    return type;
  }
}

/** avsc calls the hook for each type in a schema before it does any work for that type. */
function typeOf(schema: avro.Schema): avro.Type {
  let types = 0;
  const typeHook = (): undefined => {
    if (++types > MAX_TYPES) throw new Error(`the schema has more than ${MAX_TYPES} types`);
  };
  return avro.Type.forSchema(schema, { typeHook });
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`the registry's answer has more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
