import { mustNotWriteAsShadow, UsageError } from '../../../src/command/command.js';
import { COMMANDS, COMMAND_NAMES } from '../../../src/command/commands.js';
import { loadConfig } from '../../../src/config.js';

const config = loadConfig({}, {}, () => '');
const shadow = loadConfig({}, { shadow: true }, () => '');

test('commands that write to the input are refused for a shadow, because its deployment reads the input too', async () => {
  const refused: string[] = [];
  for (const name of COMMAND_NAMES) {
    const command = await COMMANDS[name]();
    try {
      mustNotWriteAsShadow(name, command, shadow);
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError);
      expect((error as UsageError).faults).toEqual([
        expect.stringContaining('sync-events, which the shadow shares with company-sync') as string,
      ]);
      refused.push(name);
    }
  }
  expect(refused).toEqual(['companies seed', 'events send', 'dead-letters repair', 'dead-letters release']);
});

test.each(COMMAND_NAMES)('%s is not refused for a deployment', async (name) => {
  const command = await COMMANDS[name]();
  expect(() => mustNotWriteAsShadow(name, command, config)).not.toThrow();
});
