/**
 * Metadata, version 5, of one topic: who leads its partitions.
 *
 * Our own, since kafkajs refuses the whole answer when one partition of one topic asked for has no leader: then no
 * reader could learn where the partitions went that do have one.
 */
import type { ProtocolCall } from './cluster.js';
import { WireReader, WireWriter } from './wire-format.js';

export const METADATA_OK = 0;
export const METADATA_UNKNOWN_TOPIC = 3;

export interface TopicMetadata {
  readonly clientSideThrottleTime: number;
  /** Addresses (host:port) of the brokers that are up. */
  readonly brokers: ReadonlyMap<number, string>;
  readonly errorCode: number;
  /** Partition to the node id of its leader, -1 where it has none now. */
  readonly leaders: ReadonlyMap<number, number>;
}

const API_KEY = 3;
/** Of 6, but for throttling (KIP-219), and with brokers since Kafka 1.0. */
const API_VERSION = 5;
const FIXED_REQUEST_BYTES = 64;

export function metadataCall(topic: string): ProtocolCall<TopicMetadata> {
  const request = new WireWriter(FIXED_REQUEST_BYTES).int32(1).string(topic).int8(0 /* no creation */).finish();
  return {
    request: {
      apiKey: API_KEY,
      apiVersion: API_VERSION,
      apiName: 'Metadata',
      encode: () => ({ buf: request, buffer: request }),
    },
    response: {
      decode: (body) => Promise.resolve(body).then(decodeResponse),
      parse: (decoded) => Promise.resolve(decoded),
    },
    logResponseError: false,
  };
}

function decodeResponse(body: Buffer): TopicMetadata {
  const reader = new WireReader(body);
  const int32 = (): number => reader.int32();
  reader.int32(); // The broker has waited this long already.
  const brokers = new Map<number, string>();
  for (let left = reader.int32(); left > 0; left--) {
    const nodeId = reader.int32();
    const host = reader.string();
    brokers.set(nodeId, `${host}:${reader.int32()}`);
    reader.string(); // rack
  }
  reader.string(); // cluster id
  reader.int32(); // controller

  let errorCode = METADATA_UNKNOWN_TOPIC;
  const leaders = new Map<number, number>();
  for (let topics = reader.int32(); topics > 0; topics--) {
    errorCode = reader.int16();
    reader.string();
    reader.boolean(); // internal
    for (let left = reader.int32(); left > 0; left--) {
      reader.int16(); // Says the same as a leader of -1, or that some replica is offline.
      const partition = reader.int32();
      leaders.set(partition, reader.int32());
      for (let lists = 0; lists < 3; lists++) reader.array(int32); // replicas, in sync, offline
    }
  }
  return { clientSideThrottleTime: 0, brokers, errorCode, leaders };
}
