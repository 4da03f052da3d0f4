/** A request with its answer, and the broker that it is sent to: kafkajs's own objects, typed as far as they are used here. */
/** What a request encodes to: kafkajs copies `buffer` behind the request header. `buf` is there to be recognised by. */
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
    /** Turns error codes of the decoded answer into a rejection, or gives it back. */
    parse(decoded: T): Promise<T>;
  };
  /** Milliseconds; below the configured request time-out it has no effect. */
  readonly requestTimeout?: number;
  /** Whether kafkajs logs an error for a rejection of `parse`; it does unless this is false. */
  readonly logResponseError?: boolean;
}

export interface ConnectionPool {
  readonly host: string;
  readonly port: number;
  isConnected(): boolean;
  /** Sends over the broker's one connection for this kind of request (Fetch has its own), connecting where needed. */
  send: <T extends object>(call: ProtocolCall<T>) => Promise<T>;
}

/** Protocol errors of these methods reject with kafkajs's KafkaJSProtocolError. */
export interface Broker {
  readonly connectionPool: ConnectionPool;
  /** Offset `'-1'` where the group has committed none. */
  offsetFetch(request: {
    groupId: string;
    topics: readonly { topic: string; partitions: readonly { partition: number }[] }[];
  }): Promise<{
    responses: { topic: string; partitions: { partition: number; offset: string; errorCode: number }[] }[];
  }>;
}

/** A broker as its connections see it: what is asked of this broker rather than of the cluster. */
export interface ConnectedBroker extends Broker {
  /** By API key, what the broker supports; null before it was asked. */
  readonly versions: Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number }>> | null;
}
