import { setImmediate } from 'node:timers/promises';
import type { ManualClock } from './manual-clock.js';

const STEP_MS = 1_000;

/** Lets `ms` pass in steps of a second, with turns of the event loop in between for what goes on then. */
export async function passTime(clock: ManualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += STEP_MS) {
    clock.advance(Math.min(STEP_MS, ms - passed));
    for (let turn = 0; turn < 3; turn++) await setImmediate();
  }
}
