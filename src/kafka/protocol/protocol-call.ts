/**
 * Makes the object by which kafkajs sends a request and decodes its answer. Also has kafkajs's types of it and of the
 * broker that it is sent to, as far as they are used here.
 */

/** An encoded request. kafkajs copies `buffer` after the request header. It recognises an encoded request by `buf`. */
export interface EncodedRequest {
  readonly buf: Buffer;
  readonly buffer: Buffer;
}

/** A message of the Kafka protocol with its answer of type T. */
export interface ProtocolCall<T extends object> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    encode(): EncodedRequest | Promise<EncodedRequest>;
  };
  readonly response: {
    /** Decodes the body. A property `clientSideThrottleTime` (ms) of the result delays later requests (KIP-219). */
    decode(body: Buffer): Promise<T>;
    /** Returns the decoded answer, or rejects if the answer has an error code. */
    parse(decoded: T): Promise<T>;
  };
  /** Milliseconds. Values below the configured request timeout have no effect. */
  readonly requestTimeout?: number;
  /** If it is not false, kafkajs logs an error when `parse` rejects. */
  readonly logResponseError?: boolean;
  /**
   * The most bytes that the answer may have, if it is not a limit of its kind (patches/kafkajs+2.2.4.patch). A larger
   * answer is not read: it ends the connection, see `isAnswerTooLarge`.
   */
  readonly maxResponseSize?: number;
  /**
   * If the answer has more bytes, it is decoded from this many first bytes, and its connection ends
   * (patches/kafkajs+2.2.4.patch). Such a call has no `maxResponseSize`.
   */
  readonly headSize?: number;
}

/** The fields of every answer. kafkajs delays later requests by `clientSideThrottleTime` (ms) (KIP-219). */
export interface Answer {
  readonly errorCode: number;
  readonly clientSideThrottleTime: number;
}

/** Whether a connection ended because its broker claimed an answer larger than its request allows. */
export function isAnswerTooLarge(error: unknown): error is Error {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === ANSWER_TOO_LARGE;
}

/** The code that kafkajs's patched connection gives. */
const ANSWER_TOO_LARGE = 'ANSWER_TOO_LARGE';

/**
 * Makes a call whose answer `read` decodes from its body. It does not reject for error codes: the caller judges them.
 */
export function protocolCall<T extends object>(
  apiKey: number,
  apiName: string,
  apiVersion: number,
  request: Buffer | EncodedRequest,
  read: (body: Buffer) => T,
): ProtocolCall<T> {
  const body = Buffer.isBuffer(request) ? { buf: request, buffer: request } : request;
  return {
    request: { apiKey, apiName, apiVersion, encode: () => body },
    response: {
      // kafkajs needs promises. The work itself is synchronous.
      decode: (answer) => Promise.resolve(answer).then(read),
      parse: (decoded) => Promise.resolve(decoded),
    },
    logResponseError: false,
  };
}

export interface ConnectionPool {
  readonly host: string;
  readonly port: number;
  isConnected(): boolean;
  /**
   * Sends over the broker's connection for this kind of request (Fetch has its own), and connects first if necessary.
   */
  send: <T extends object>(call: ProtocolCall<T>) => Promise<T>;
}

/** If an answer has an error code, these methods reject with kafkajs's KafkaJSProtocolError. */
export interface Broker {
  readonly connectionPool: ConnectionPool;
  /** The offset is `'-1'` if the group has committed none. */
  offsetFetch(request: {
    groupId: string;
    topics: readonly { topic: string; partitions: readonly { partition: number }[] }[];
  }): Promise<{
    responses: { topic: string; partitions: { partition: number; offset: string; errorCode: number }[] }[];
  }>;
}

/** A connected broker, for requests to this broker and not to the cluster. */
export interface ConnectedBroker extends Broker {
  /** The versions that the broker supports, by API key; null until the broker was asked. */
  readonly versions: Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number }>> | null;
}
