/** A request of the Kafka protocol with its answer, in all versions that the simulated brokers know. */
import { FieldReader, FieldWriter } from './fields.js';
import type { Layout } from './layout.js';

export interface Api<Q, A> {
  readonly key: number;
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** The first flexible version of the protocol, which may be above `max`. */
  readonly flexibleFrom: number;
  readonly request: Layout<Q>;
  readonly answer: Layout<A>;
}

export interface RequestHeader {
  readonly apiKey: number;
  readonly version: number;
  readonly correlationId: number;
  readonly clientId: string;
}

/** Reads the fields of the header that all versions have. */
export function readHeader(frame: Buffer): { readonly header: RequestHeader; readonly body: Buffer } {
  const reader = new FieldReader(frame, 0, false);
  const header = {
    apiKey: reader.int16(),
    version: reader.int16(),
    correlationId: reader.int32(),
    clientId: reader.text() ?? '',
  };
  return { header, body: frame.subarray(frame.length - reader.left) };
}

export function readRequest<Q>(api: Api<Q, unknown>, version: number, body: Buffer): Q {
  const reader = new FieldReader(body, version, version >= api.flexibleFrom);
  reader.skipTags(); // of the header
  return api.request.read(reader);
}

const API_VERSIONS_KEY = 18;
const LENGTH_BYTES = 4;

/** The answer with its length, its correlation id and its body. */
export function writeAnswer<A>(api: Api<unknown, A>, { version, correlationId }: RequestHeader, answer: A): Buffer {
  const writer = new FieldWriter(version, version >= api.flexibleFrom);
  writer.int32(0); // becomes the length
  writer.int32(correlationId);
  // A client must be able to read this answer before it knows the broker's versions.
  if (api.key !== API_VERSIONS_KEY) writer.noTags();
  api.answer.write(writer, answer);
  const frame = writer.finish();
  frame.writeInt32BE(frame.length - LENGTH_BYTES);
  return frame;
}
