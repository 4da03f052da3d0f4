/** When denials make a schema id unknown although the machine's time is set back. */
import { Denial, UNKNOWN_AFTER_MS } from '../../../src/decode/schema-denials.js';

const LATE = 10 * 3_600_000;
const EARLY = 3_600_000;
let denial: Denial;
beforeEach(() => (denial = new Denial(7)));

test('denials from before the clock was set back do not count: the 10 s and the confirmation begin again', () => {
  denial.note(LATE);
  denial.confirmRegistry();
  denial.note(EARLY);
  expect(denial.needsConfirmation).toBe(true);
  expect(denial.msUntilUnknown(EARLY)).toBe(UNKNOWN_AFTER_MS);

  denial.note(EARLY + UNKNOWN_AFTER_MS);
  expect(denial.isUnknown(EARLY + UNKNOWN_AFTER_MS)).toBe(false);
  denial.confirmRegistry();
  denial.note(EARLY + UNKNOWN_AFTER_MS + 1);
  expect(denial.isUnknown(EARLY + UNKNOWN_AFTER_MS + 1)).toBe(true);
});

test('an unknown id is asked for again after the clock is set back, not hours later', () => {
  denial.note(LATE);
  denial.confirmRegistry();
  denial.note(LATE + UNKNOWN_AFTER_MS);
  expect(denial.isUnknown(LATE + UNKNOWN_AFTER_MS)).toBe(true);
  expect(denial.isUnknown(EARLY)).toBe(false);
});
