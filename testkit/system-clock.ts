/** Real time, for tests and benches on a real broker. */
export { systemClock } from '../src/lib/system-clock.js';
