/**
 * `company-sync run` with one addition: at a given moment of a given batch the process kills or freezes itself.
 *   node --import tsx test/support/crashing-instance.ts <HaltPlan as JSON>
 * Settings come from the environment, as for the command.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { runProcessor } from '../../src/command/run.js';
import { loadConfig } from '../../src/config.js';
import type { HaltPlan } from './halt-plan.js';
import { haltingObserver } from './halting-observer.js';
import { hidingObserver } from './hiding-observer.js';

const plan = JSON.parse(process.argv[2] ?? '') as HaltPlan;
const config = loadConfig(process.env, {}, (path) => readFileSync(path, 'utf8'));
// Synchronous: otherwise the last lines would be lost when the process is killed.
const logger = pino({ level: config.logLevel, base: { pid: process.pid } }, pino.destination({ dest: 1, sync: true }));
const schemasFolder = fileURLToPath(new URL('../../schemas', import.meta.url));
await runProcessor(config, logger, schemasFolder, process, { wanted: false, fault: null }, [
  ...(plan.hidden ? [hidingObserver(plan)] : []),
  haltingObserver(plan, logger),
]);
