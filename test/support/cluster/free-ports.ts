import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Ports are chosen below the range from which Linux (32768 up) and other systems (49152 up) give ports to outgoing
 * connections: a broker that is down must find its port free when it comes back.
 */
const lowestPort = 20_000;
const portAfterHighest = 32_000;

/** `count` different ports of 127.0.0.1 on which nothing listens now. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let tries = 0; found.size < count; tries++) {
    if (tries > 1_000) throw new Error(`no free port between ${lowestPort} and ${portAfterHighest - 1}`);
    const port = randomInt(lowestPort, portAfterHighest);
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
