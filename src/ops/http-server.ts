/** The HTTP side: probes, metrics and the state of the partitions. */
import { createHash, timingSafeEqual } from 'node:crypto';
import fastify, { type FastifyInstance } from 'fastify';
import { networkInterfaces } from 'node:os';
import type { Registry } from 'prom-client';
import type { PartitionStatus } from '../pipeline/observer.js';
import { advertisedAddress } from './advertised-address.js';

export interface ServiceView {
  /** Why the instance as a whole is not up yet (waiting for the registry, joining the group); null once it is. */
  startingBecause(): string | null;
  partitions(): Map<number, PartitionStatus>;
}

export interface HttpServer {
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly address: string;
  /** Where other instances reach it. */
  readonly advertisedAddress: string;
  close(): Promise<void>;
}

/** Starts listening; port 0 picks a free one. */
export async function startHttpServer(
  at: { host: string; port: number; token: string | null },
  view: ServiceView,
  metrics: Registry,
): Promise<HttpServer> {
  const server = fastify({ logger: false, forceCloseConnections: true });
  addProbes(server, view);
  if (at.token !== null) requireToken(server, at.token);
  server.get('/partitions', () => ({ partitions: listPartitions(view) }));
  server.get('/metrics', async (_request, reply) => {
    void reply.header('content-type', metrics.contentType);
    return metrics.metrics();
  });
  const address = await server.listen({ host: at.host, port: at.port });
  return {
    address,
    advertisedAddress: advertisedAddress(at.host, address, networkInterfaces()),
    close: () => server.close(),
  };
}

function addProbes(server: FastifyInstance, view: ServiceView): void {
  server.get('/livez', () => ({ status: 'alive' }));
  server.get('/readyz', (_request, reply) => {
    const starting = view.startingBecause();
    const unready = listPartitions(view).filter(({ state }) => state !== 'running');
    const ready = starting === null && unready.length === 0;
    void reply.status(ready ? 200 : 503);
    return { ready, ...(starting === null ? {} : { reason: starting }), unready };
  });
}

const OPEN_PATHS: readonly string[] = ['/livez', '/readyz', '/metrics'];

/** A bearer token for everything but the probes and the metrics. Compared in constant time. */
function requireToken(server: FastifyInstance, token: string): void {
  const expected = digest(`Bearer ${token}`);
  server.addHook('onRequest', async (request, reply) => {
    if (OPEN_PATHS.includes(request.url.split('?')[0] ?? '')) return;
    if (timingSafeEqual(digest(request.headers.authorization ?? ''), expected)) return;
    await reply.status(401).header('www-authenticate', 'Bearer').send({ error: 'a bearer token is required' });
  });
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function listPartitions(view: ServiceView) {
  return [...view.partitions()].sort(([a], [b]) => a - b).map(([partition, status]) => ({ partition, ...status }));
}
