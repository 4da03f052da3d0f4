/** HTTP between instances, in memory: the real routes of companies and partitions, with latency, frozen and dead hosts. */
import fastify, { type FastifyInstance } from 'fastify';
import { addCompanyRoutes } from '../../../src/ops/company-routes.js';
import type { ServiceView } from '../../../src/ops/http-server.js';
import type { SeededRandom } from '../../seeded-random.js';
import type { SimulatedProcess } from './process.js';
import type { World } from './world.js';

interface Server {
  readonly process: SimulatedProcess;
  readonly routes: FastifyInstance;
}

const MAX_LATENCY_MS = 3;
/** Statuses whose answers have no body. */
const NO_BODY = [204, 307];

export class SimulatedHttp {
  readonly #servers = new Map<string, Server>();

  constructor(
    private readonly world: World,
    private readonly random: SeededRandom,
  ) {}

  /** Serves an instance at this address, in place of its former process. */
  async listen(address: string, process: SimulatedProcess, view: ServiceView): Promise<void> {
    const routes = fastify({ logger: false });
    addCompanyRoutes(routes, view);
    await routes.ready();
    this.#servers.set(address, { process, routes });
  }

  /** What the global `fetch` does in a process. */
  fetch(client: SimulatedProcess, url: string, signal?: AbortSignal | null): Promise<Response> {
    const { origin, pathname, search } = new URL(url);
    return new Promise((resolve, reject) => {
      const failed = (why: string): void => reject(new TypeError('fetch failed', { cause: new Error(why) }));
      signal?.addEventListener('abort', () => reject(signal.reason as Error));
      this.#arrive(() => {
        const server = this.#servers.get(origin);
        if (server === undefined || server.process.isDead)
          return this.#arrive(() => client.enter(() => failed(`connect ECONNREFUSED ${origin}`)));
        server.process.enter(() => {
          void server.routes
            .inject({ method: 'GET', url: pathname + search })
            .then(({ statusCode, headers, payload }) => {
              const { location } = headers;
              const body = NO_BODY.includes(statusCode) ? null : payload;
              const init = { status: statusCode, headers: typeof location === 'string' ? { location } : {} };
              this.#arrive(() => client.enter(() => resolve(new Response(body, init))));
            });
        });
      });
    });
  }

  #arrive(run: () => void): void {
    this.world.time.after(this.random.next() * MAX_LATENCY_MS, run);
  }
}
