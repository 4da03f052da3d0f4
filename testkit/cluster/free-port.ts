import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Ports are chosen below the range that systems use for outgoing connections (Linux from 32768, others from 49152). So
 * the port of a broker that is down is still free when the broker comes back.
 */
const LOWEST_PORT = 20_000;
const PORT_AFTER_HIGHEST = 32_000;
const MAX_ATTEMPTS = 1_000;

/** Finds a port of 127.0.0.1 that is not in `taken` and on which no process listens now. Adds it to `taken`. */
export async function freePort(taken: Set<number>): Promise<number> {
  for (let tries = 0; tries < MAX_ATTEMPTS; tries++) {
    const port = randomInt(LOWEST_PORT, PORT_AFTER_HIGHEST);
    if (!taken.has(port) && (await isFree(port))) {
      taken.add(port);
      return port;
    }
  }
  throw new Error(`no free port between ${LOWEST_PORT} and ${PORT_AFTER_HIGHEST - 1}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
