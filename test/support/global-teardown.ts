import type {} from './global-setup.js';

/** Ends what global-setup.ts started. */
export default async function globalTeardown(): Promise<void> {
  await globalThis.clusterOfThisRun?.stop();
}
