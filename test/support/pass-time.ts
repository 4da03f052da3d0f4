import { setImmediate } from 'node:timers/promises';
import type { ManualClock } from './manual-clock.js';

const STEP_MS = 1_000;

/** Lets `ms` pass in steps of a second. The event loop runs in between, so code that waited can continue. */
export async function passTime(clock: ManualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += STEP_MS) {
    clock.advance(Math.min(STEP_MS, ms - passed));
    for (let turn = 0; turn < 3; turn++) await setImmediate();
  }
}
