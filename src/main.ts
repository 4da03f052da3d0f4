#!/usr/bin/env -S UV_THREADPOOL_SIZE=2 MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=1048576 MALLOC_TRIM_THRESHOLD_=4194304 node --v8-pool-size=1 --max-semi-space-size=64 --heap-growing-percent=80 --no-allocation-site-pretenuring
/**
 * The command `company-sync`: the only place that reads the process's arguments and environment.
 *
 * The first line and deploy/Dockerfile set how Node starts, because these variables and flags have no effect later.
 * `bench/catch-up.ts` starts instances with them too. One thread makes all decisions, however many cores there are. On
 * a small machine, each other thread competes with it.
 *
 *   UV_THREADPOOL_SIZE=2          Two threads serve the stores, instead of four.
 *   --v8-pool-size=1              One thread helps to collect garbage, instead of four.
 *   --max-semi-space-size=64      New objects get 64 MiB instead of 16. Each collection of new objects copies those
 *                                 in use. With more space, V8 copies a batch in progress less often.
 *   --heap-growing-percent=80     V8 collects the whole heap when it has grown by 80 %. Without this flag, the heap may
 *                                 first grow to four times its size.
 *   --no-allocation-site-pretenuring
 *                                 V8 does not guess which objects live long. Without this flag, V8 guesses that from
 *                                 a few batches, and creates such objects among the old ones. After a wrong guess, the
 *                                 texts of decoded records stay in memory until V8 collects the whole heap.
 *   MALLOC_...                    glibc returns freed memory. Without these variables, malloc keeps an arena for each
 *                                 thread. After a Buffer of some MiB is freed, malloc also takes Buffers of that size
 *                                 from the heap, among small pieces that are never returned.
 *
 * docs/sizing.md says what they do for the memory of an instance.
 */
import { steadyMs } from './lib/stopwatch.js';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseCommandLine, type CommandLine } from './command/command-line.js';
import { mustNotWriteAsShadow, UsageError } from './command/command.js';
import { ConfigError, loadConfig, type Config } from './config.js';
import { secretsIn } from './security-settings.js';
import { settingsAdder, settingsAdderInJson, typedSettingsOf } from './command/typed-settings.js';
import {
  EXIT_OUTPUT_CLOSED,
  OutputError,
  printText,
  printToStandardError,
  standardOutput,
  type Print,
} from './command/print.js';
import { hiderOf } from './lib/hide-secrets.js';
import { readSmallFile } from './lib/small-file.js';
import { reasonOf } from './lib/reason-of.js';
import { systemClock } from './lib/system-clock.js';
import { createLogger } from './ops/logger.js';
import { tracingSettings } from './ops/tracing.js';
import { UnfitTopicsError } from './kafka/topics/topics.js';
import { StateDirInUseError } from './store/instance-lock.js';

type TypedCommand = Extract<CommandLine, { kind: 'command' }>;

const schemasFolder = fileURLToPath(new URL('../schemas', import.meta.url));

const output = standardOutput();
process.exitCode = await mainUnlessClosed(process.argv.slice(2));
// The reader of a pipe may close it before it has read the last lines. That error is known only at the exit.
process.once('exit', (code) => {
  if (code === 0 && output.error !== null) process.exitCode = exitCodeOf(output.error);
});

async function mainUnlessClosed(argv: readonly string[]): Promise<number> {
  try {
    return await main(argv);
  } catch (error) {
    if (!(error instanceof OutputError)) throw error;
    if (!error.isClosed) printToStandardError(`company-sync: ${error.message}`);
    return exitCodeOf(error);
  }
}

function exitCodeOf({ isClosed }: OutputError): number {
  return isClosed ? EXIT_OUTPUT_CLOSED : 1;
}

async function main(argv: readonly string[]): Promise<number> {
  const line = await parseCommandLine(argv);
  switch (line.kind) {
    case 'help':
      printText(line.text, output.print);
      return 0;
    case 'version':
      output.print(version());
      return 0;
    case 'faults':
      return refuse(line.faults, line.about);
    case 'command':
      return perform(line);
  }
}

/** Of a file that a setting names. Certificates and keys have some thousands. */
const MAX_SECRET_BYTES = 1024 * 1024;

async function perform({ name, command, argument, flags, settings, faults }: TypedCommand): Promise<number> {
  let config: Config;
  try {
    config = loadConfig(process.env, settings, (path) => readSmallFile(path, MAX_SECRET_BYTES).toString());
  } catch (error) {
    if (error instanceof ConfigError) return refuse([...faults, ...error.faults], name);
    throw error;
  }
  if (faults.length > 0) return refuse(faults, name);
  // Only the processor logs. Other commands print what they did, or the one error that stopped them.
  const hide = hiderOf(secretsIn(config));
  const level = name === 'run' ? config.logLevel : 'silent';
  const typed = typedSettingsOf(settings);
  const addSettings = settingsAdder(typed);
  const addInJson = settingsAdderInJson(typed);
  const logged = (line: string) => addInJson(hide(line));
  const logger = createLogger({ level, pid: process.pid, hide: logged, now: () => steadyMs(systemClock) });
  const printData: Print = (text, colour) => output.print(hide(text), colour);
  const print: Print = (text, colour) => printData(addSettings(text), colour);
  const printError = (line: string) => printToStandardError(hide(addSettings(line)));
  const context = {
    config,
    logger,
    schemasFolder,
    addSettings,
    print,
    printData,
    printError,
    host: process,
    tracing: tracingSettings(process.env),
  };
  try {
    mustNotWriteAsShadow(name, command, config);
    return await command.run(context, flags, argument);
  } catch (error) {
    if (error instanceof OutputError) throw error;
    if (error instanceof UsageError) return refuse(error.faults.map(addSettings), name);
    for (const line of faultsOf(error)) printError(`company-sync ${name}: ${line}`);
    return error instanceof StateDirInUseError ? 2 : 1;
  }
}

/** @param about the command, or its first word; empty if none was typed */
function refuse(faults: readonly string[], about: string): number {
  const typed = `company-sync ${about}`.trim();
  for (const fault of faults) printToStandardError(`${typed}: ${fault}`);
  printToStandardError(`To see all flags and settings, run: ${typed} --help`);
  return 2;
}

/** The message as lines. An error with several faults gives one line for each. */
function faultsOf(error: unknown): string[] {
  if (error instanceof UnfitTopicsError) return [...error.faults];
  return [reasonOf(error)];
}

function version(): string {
  const file = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(file) as { version: string }).version;
}
