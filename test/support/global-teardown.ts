import type {} from './global-setup.js';

/** Stops the clusters that global-setup.ts started. */
export default async function globalTeardown(): Promise<void> {
  await Promise.all((globalThis.clustersOfThisRun ?? []).map((cluster) => cluster.stop()));
}
