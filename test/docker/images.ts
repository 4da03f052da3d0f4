/** The images that the Docker path uses, and how the engine gets them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runToEnd } from '../../testkit/cluster/run-to-end.js';
import { KAFKA_VERSION, registryReleases } from '../../testkit/cluster/versions.js';
import { say } from './say.js';
import { makeStandIns } from './stand-ins.js';

export const ROOT = join(import.meta.dirname, '..', '..');

export const images = {
  node: baseImage(),
  kafka: `apache/kafka:${KAFKA_VERSION}`,
  registry: `apicurio/apicurio-registry:${registryReleases[0].version}`,
} as const;

/** Where the images are from. */
export type Source = 'pulled' | 'stand-ins';

/** A slow line needs minutes for 400 MB. A machine without a network should not wait longer. */
const PULL_TIMEOUT_MS = 300_000;

/**
 * Pulls the images. If that fails, an engine that this test has started gets stand-ins. On any other engine, images are
 * not changed, and the error gives the reason.
 */
export async function getImages(ownEngine: boolean): Promise<Source> {
  for (const image of Object.values(images)) {
    try {
      say(`pulling ${image}`);
      await runToEnd('docker', ['pull', '--quiet', image], { timeoutMs: PULL_TIMEOUT_MS });
    } catch (error) {
      if (!ownEngine) throw error;
      say(`cannot pull ${image}: ${lastLine((error as Error).message)}`);
      await makeStandIns();
      return 'stand-ins';
    }
  }
  return 'pulled';
}

/** As deploy/Dockerfile names it. */
function baseImage(): string {
  const dockerfile = readFileSync(join(ROOT, 'deploy', 'Dockerfile'), 'utf8');
  const name = /^ARG NODE_IMAGE=(\S+)$/m.exec(dockerfile)?.[1];
  if (name === undefined) throw new Error('deploy/Dockerfile has no line `ARG NODE_IMAGE=`');
  return name;
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? '';
}
