/**
 * Every command by its name. Code of a command is loaded only when the command runs, so a restart of the processor
 * does not wait for the code of other commands.
 */
import type { Command } from './command.js';

export const COMMANDS = {
  run: async () => (await import('./run.js')).runCommand,
  'topics create': async () => (await import('./topics-create.js')).topicsCreateCommand,
  explain: async () => (await import('./explain.js')).explainCommand,
  'companies seed': async () => (await import('./companies-seed.js')).companiesSeedCommand,
  'events send': async () => (await import('./events-send.js')).eventsSendCommand,
  'events tail': async () => (await import('./events-tail.js')).eventsTailCommand,
  'events resend': async () => (await import('./events-resend.js')).eventsResendCommand,
  'dead-letters list': async () => (await import('./dead-letters.js')).listCommand,
  'dead-letters show': async () => (await import('./dead-letters.js')).showCommand,
  'dead-letters repair': async () => (await import('./dead-letters.js')).repairCommand,
  'dead-letters release': async () => (await import('./dead-letters.js')).releaseCommand,
  verify: async () => (await import('./verify.js')).verifyCommand,
  doctor: async () => (await import('./doctor.js')).doctorCommand,
  'positions show': async () => (await import('./positions.js')).showCommand,
  'positions set': async () => (await import('./positions.js')).setCommand,
  repartition: async () => (await import('./repartition.js')).repartitionCommand,
  'schemas register': async () => (await import('./schemas.js')).registerCommand,
  'schemas check': async () => (await import('./schemas.js')).checkCommand,
} as const satisfies Readonly<Record<string, () => Promise<Command>>>;

export type CommandName = keyof typeof COMMANDS;
export const COMMAND_NAMES = Object.keys(COMMANDS) as readonly CommandName[];
