import { COMMAND_NAMES } from '../../../src/command/commands.js';
import { mustNotWriteAsShadow } from '../../../src/command/shared-input.js';
import { UsageError } from '../../../src/command/usage-error.js';
import { loadConfig } from '../../../src/config.js';

const config = loadConfig({}, {}, () => '');
const shadow = loadConfig({}, { shadow: true }, () => '');

test('the commands that write to the input are refused to a shadow, for its deployment reads it too', () => {
  const refused = COMMAND_NAMES.filter((name) => {
    try {
      mustNotWriteAsShadow(name, shadow);
      return false;
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError);
      expect((error as UsageError).faults).toEqual([
        expect.stringContaining('sync-events, which the shadow shares with company-sync') as string,
      ]);
      return true;
    }
  });
  expect(refused).toEqual(['companies seed', 'events send', 'dead-letters repair', 'dead-letters release']);
});

test.each(COMMAND_NAMES)('%s is not refused to a deployment', (name) => {
  expect(() => mustNotWriteAsShadow(name, config)).not.toThrow();
});
