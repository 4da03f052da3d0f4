/** Fake brokers that answer only two requests: which versions they support, and which brokers exist. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { REQUIRED_VERSIONS, type lacking } from '../../src/kafka/connection/required-versions.js';
import { WireWriter } from '../../src/kafka/protocol/wire-format.js';

export type Supported = Parameters<typeof lacking>[1];

/** The versions of a broker that supports everything, except for `change`. */
export function everyVersion(change: Partial<Supported> = {}): Supported {
  const everything: Record<number, Supported[number]> = {};
  for (const { apiKey, versions } of REQUIRED_VERSIONS) {
    const { minVersion = Infinity, maxVersion = 0 } = everything[apiKey] ?? {}; // OffsetFetch is in the list twice.
    everything[apiKey] = {
      minVersion: Math.min(minVersion, versions.min),
      maxVersion: Math.max(maxVersion, versions.max),
    };
  }
  return { ...everything, ...change } as Supported;
}

const API_VERSIONS = 18;

/** The answer to Metadata 7, without topics. */
function metadataOf(ports: readonly number[]): Buffer {
  const to = new WireWriter(1_000).int32(0 /* throttled */).int32(ports.length);
  for (const [nodeId, port] of ports.entries()) to.int32(nodeId).string('127.0.0.1').int32(port).string('a rack');
  return to.string('a cluster').int32(0 /* controller */).int32(0 /* topics */).finish();
}

export class VersionedBrokers {
  /**
   * The addresses of the brokers that the answers name: those of `start`, in its order, and others that a test adds.
   */
  readonly ports: number[] = [];
  readonly #servers: Server[] = [];

  /** Starts a broker. @returns its address */
  async start(supported: Supported): Promise<string> {
    const versions = new WireWriter(1_000).int16(0).int32(Object.keys(supported).length);
    for (const [apiKey, { minVersion, maxVersion }] of Object.entries(supported))
      versions.int16(Number(apiKey)).int16(minVersion).int16(maxVersion);
    const supports = versions.int32(0 /* throttled */).finish();
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      // Requests are small, and the client waits for each answer. So each chunk is one whole request.
      socket.on('data', (request: Buffer) => {
        const body = request.readInt16BE(4) === API_VERSIONS ? supports : metadataOf(this.ports);
        socket.write(
          new WireWriter(8)
            .int32(4 + body.length)
            .int32(request.readInt32BE(8))
            .finish(),
        );
        socket.write(body);
      });
    });
    this.#servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    this.ports.push(port);
    return `127.0.0.1:${port}`;
  }

  close(): void {
    for (const server of this.#servers.splice(0)) server.close();
    this.ports.length = 0;
  }
}
