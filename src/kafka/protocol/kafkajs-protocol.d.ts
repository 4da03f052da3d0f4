/** Types of kafkajs's protocol primitives, as far as they are used here. kafkajs ships them without types. */

declare module 'kafkajs/src/protocol/encoder.js' {
  export default class Encoder {
    constructor(initialSize?: number);
    /** The whole allocated memory; `buffer` is the part that is written. */
    readonly buf: Buffer;
    readonly buffer: Buffer;
    writeInt8(value: number): this;
    writeInt16(value: number): this;
    writeInt32(value: number): this;
    writeInt64(value: number | string | bigint): this;
    writeDouble(value: number): this;
    writeBoolean(value: boolean): this;
    writeString(value: string | null): this;
    writeArray(values: readonly Encoder[], type: 'object'): this;
    writeUVarInt(value: number): this;
    writeUVarIntString(value: string): this;
    writeUVarIntArray(values: readonly Encoder[], type: 'object'): this;
  }
}

declare module 'kafkajs/src/protocol/decoder.js' {
  export default class Decoder {
    constructor(buffer: Buffer);
    readInt8(): number;
    readInt16(): number;
    readInt32(): number;
    /** One of kafkajs's `Long` objects. */
    readInt64(): { toString(): string };
    readString(): string | null;
    readVarIntString(): string | null;
    readBytes(): Buffer | null;
    readVarIntBytes(): Buffer | null;
    readUVarIntBytes(): Buffer | null;
    readArray<T>(read: (decoder: Decoder) => T): T[];
    readVarIntArray<T>(read: (decoder: Decoder) => T): T[];
    readUVarIntArray<T>(read: (decoder: Decoder) => T): T[] | null;
    readArrayAsync<T>(read: (decoder: Decoder) => Promise<T>): Promise<T[]>;
    readUVarInt(): number;
    readUVarIntString(): string | null;
    readUVarIntArray<T>(read: (decoder: Decoder) => T): T[] | null;
    /**
     * Skips the tagged fields. Use it only if the structure has no tagged fields: kafkajs would read the length of a
     * field as a compact length.
     */
    readTaggedFields(): unknown;
  }
}

declare module 'kafkajs/src/protocol/request.js' {
  interface Request {
    readonly apiKey: number;
    readonly apiVersion: number;
    encode(): Promise<{ readonly buf: Buffer; readonly buffer: Buffer }>;
  }
  /** The bytes of a request, including its length and header. */
  export default function createRequest(options: {
    readonly correlationId: number;
    readonly clientId: string;
    readonly request: Request;
  }): Promise<{ readonly buf: Buffer; readonly buffer: Buffer }>;
}

declare module 'kafkajs/src/protocol/error.js' {
  /** A KafkaJSProtocolError. Its `retriable` says whether another attempt may help. */
  export const errorCodes: readonly { readonly type: string; readonly code: number }[];
  export function createErrorFromCode(code: number): Error;
}

declare module 'kafkajs/src/protocol/requests/createTopics/v3/request.js' {
  interface CreateTopics {
    readonly topics: readonly {
      readonly topic: string;
      readonly numPartitions: number;
      readonly replicationFactor: number;
      readonly configEntries: readonly { readonly name: string; readonly value: string }[];
    }[];
    readonly validateOnly: boolean;
    readonly timeout: number;
  }
  export default function createTopicsRequest(request: CreateTopics): {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    encode(): Promise<{ readonly buf: Buffer; readonly buffer: Buffer }>;
  };
}

declare module 'kafkajs/src/protocol/requests/createTopics/v3/response.js' {
  export function decode(body: Buffer): Promise<{
    readonly clientSideThrottleTime: number;
    readonly topicErrors: readonly {
      readonly topic: string;
      readonly errorCode: number;
      readonly errorMessage: string | null;
    }[];
  }>;
}
