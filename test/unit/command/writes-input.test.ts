/**
 * A shadow shares its input with the deployment that it is compared with. So a command that writes to the input must
 * declare it.
 */
import { COMMAND_NAMES, COMMANDS, type CommandName } from '../../../src/command/commands.js';

const WRITES_INPUT: Record<CommandName, boolean> = {
  run: false,
  'topics create': false,
  explain: false,
  'companies seed': true,
  'events send': true,
  'events tail': false,
  'events resend': false, // writes announcements
  'dead-letters list': false,
  'dead-letters show': false,
  'dead-letters repair': true,
  'dead-letters release': true,
  verify: false,
  doctor: false,
  'positions show': false,
  'positions set': false,
  repartition: false,
  'schemas register': false,
  'schemas check': false,
};

test.each(COMMAND_NAMES)('%s says whether it writes to the input', async (name) => {
  expect((await COMMANDS[name]()).writesInput ?? false).toBe(WRITES_INPUT[name]);
});
