import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Ports are chosen below the range that systems use for outgoing connections (Linux from 32768, others from 49152). So
 * the port of a broker that is down is still free when the broker comes back.
 */
const lowestPort = 20_000;
const portAfterHighest = 32_000;
const mostTries = 1_000;

/** Finds a port of 127.0.0.1 that is not in `taken` and on which no process listens now. Adds it to `taken`. */
export async function freePort(taken: Set<number>): Promise<number> {
  for (let tries = 0; tries < mostTries; tries++) {
    const port = randomInt(lowestPort, portAfterHighest);
    if (!taken.has(port) && (await isFree(port))) {
      taken.add(port);
      return port;
    }
  }
  throw new Error(`no free port between ${lowestPort} and ${portAfterHighest - 1}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
