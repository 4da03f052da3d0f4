/** `company-sync run`: runs one instance as a process, until SIGTERM or SIGINT. */
import { constants as osConstants } from 'node:os';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from '../config.js';
import { systemClock } from '../lib/system-clock.js';
import { startTracing, type TracingSettings } from '../ops/tracing.js';
import { SettingsChangedError } from '../pipeline/errors.js';
import type { PipelineObserver } from '../pipeline/observer.js';
import { exposures } from '../security-settings.js';
import { Service } from '../service.js';
import { SETTINGS } from '../settings.js';
import { surroundingsOf } from '../surroundings.js';
import { MisconfiguredError } from '../start-checks.js';
import { StateDirOfOtherError } from '../store/read-state-positions.js';
import { StateDirInUseError } from '../store/instance-lock.js';
import { command, MISCONFIGURED as WRONG_SETTING } from './command.js';
import { endProcess, type HostProcess } from './end-process.js';
import { faultOfNode } from './node-release.js';
import { watchStops } from './stop-watchdog.js';
import { reasonOf } from '../lib/reason-of.js';
import type { AddSettings } from '../lib/shell-command.js';

/** At a stop, the process ends after this time even if something hangs. The contract allows 10 s. */
const STOP_DEADLINE_MS = 9_000;

/** Exit code of a process that needs another configuration, as for bad settings. */
const EXIT_MISCONFIGURED = 2;
const MISCONFIGURED = [StateDirInUseError, StateDirOfOtherError, MisconfiguredError, SettingsChangedError];

export const runCommand = command({
  summary: 'run the processor until it receives SIGTERM or SIGINT',
  flags: {},
  reads: Object.values(SETTINGS).flatMap(({ parts }) => parts),
  moreHelp: `If a start would later cause an announcement that is repeated, missing or wrong, the command refuses the start with
exit code 2. The message says what to do: see "Why a start is refused" in docs/operations.md.
`,
  exit: [
    'stopped by a signal',
    'the processor could not start, or could not continue',
    `${WRONG_SETTING}, another process uses the state folder, or the start is refused`,
  ],
  run: ({ config, logger, schemasFolder, host, tracing, addSettings }) =>
    runProcessor(config, logger, schemasFolder, host, tracing, [], addSettings),
});

/**
 * Runs the processor until SIGTERM or SIGINT.
 * @returns never: the function ends the process
 */
export async function runProcessor(
  config: Config,
  logger: Logger,
  schemasFolder: string,
  host: HostProcess,
  tracingSettings: TracingSettings,
  observers: readonly Partial<PipelineObserver>[] = [],
  addSettings: AddSettings = (message) => message,
): Promise<never> {
  let end: (exitCode: number) => void = () => undefined;
  const ended = new Promise<number>((resolve) => (end = resolve));
  const onCrash = (err: Error) => {
    logger.fatal({ err }, err.message);
    end(exitCodeOf(err));
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    host.once(signal, () => {
      logger.info({ signal }, 'stopping');
      end(0);
    });
  }
  // Not awaited: it matters only while the event loop is blocked.
  void watchStops([osConstants.signals.SIGTERM, osConstants.signals.SIGINT], (reason) =>
    logger.warn({ reason }, 'could not start the watchdog for stops while the event loop is blocked'),
  );
  const fault = faultOfNode();
  if (fault !== null) logger.warn(fault);
  for (const exposure of exposures(config)) logger.warn(exposure);
  const { applicationId: groupId, topics, shadowOf } = config;
  const traced = { input: topics.syncEvents, synchronized: topics.companySynchronized, groupId };
  const tracing = await startTracing(tracingSettings, traced, logger, systemClock);
  const pageFolder = join(dirname(schemasFolder), 'page');
  const service = new Service({
    config,
    logger,
    clock: systemClock,
    surroundings: surroundingsOf({ config, logger, clock: systemClock, schemasFolder, pageFolder }),
    onCrash,
    addSettings,
    observers: tracing === null ? observers : [...observers, tracing.observer],
  });
  if (shadowOf !== null)
    logger.info(
      { of: shadowOf.applicationId, topic: topics.companySynchronized },
      'running as a shadow; announcing to this topic',
    );
  service.start().catch((err: unknown) => {
    logger.fatal({ err }, reasonOf(err));
    end(exitCodeOf(err));
  });

  const exitCode = await ended;
  const deadline = setTimeout(() => {
    logger.warn({ deadlineMs: STOP_DEADLINE_MS }, 'part of the stop hangs; ending the process without it');
    logger.flush();
    endProcess(host, exitCode, service.hangsOnVolume);
  }, STOP_DEADLINE_MS);
  await service.stop();
  await tracing?.close();
  clearTimeout(deadline);
  logger.info({ exitCode }, 'stopped');
  // A library may have left a connection open, which would keep the process running. So the process is ended
  // explicitly.
  logger.flush();
  return endProcess(host, exitCode, service.hangsOnVolume);
}

function exitCodeOf(error: unknown): number {
  return MISCONFIGURED.some((kind) => error instanceof kind) ? EXIT_MISCONFIGURED : 1;
}
