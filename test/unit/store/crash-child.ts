/**
 * The process that partition-store-crash.test.ts runs. It performs the steps below, and kills itself with SIGKILL after
 * the given step, or, for `during <step>`, during that step.
 */
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { changes, open, positionRecord, positionRow } from './partition-fixture.js';

const [folder = '', killAt = ''] = process.argv.slice(2);

function kill(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** Large enough that a kill can hit the write in its middle. */
function manyRows(from: string, to: string): string {
  return Array.from({ length: 20_000 }, (_, i) => `z${i}:${from}->${to}`).join(' ');
}

async function step(name: string, act: () => Promise<void> | void): Promise<void> {
  const acting = act();
  if (killAt === `during ${name}`) setTimeout(kill, Number(process.argv[4] ?? 0));
  await acting;
  if (killAt === name) kill();
}

async function live(): Promise<void> {
  const store = await open(new RocksStateDirectory(folder, { now: () => 0 }));
  const seed = [{ offset: 0, key: Buffer.from('a'), value: Buffer.from('0') }, positionRecord(5)];
  await step('replay', () => store.replay(seed, 4));
  await step('apply 1', () => store.apply(changes('a:0->1 n:->1', 10, 5), positionRow(10), 0));
  await step('confirm 1', () => store.confirm(8));
  await step('flush 1', () => store.flush());
  await step('apply 2', () => store.apply(changes('a:1->2 n:1->', 20, 10), positionRow(20), 0));
  await step('confirm 2', () => store.confirm(12));
  const third = changes(`a:2->3 m:->3 ${manyRows('', '3')}`, 30, 20);
  await step('apply 3', () => store.apply(third, positionRow(30), 0));
  await step('confirm 3', () => store.confirm(20_020));
  const fourth = changes(`a:3->4 ${manyRows('3', '')}`, 40, 30);
  await step('apply 4', () => store.apply(fourth, positionRow(40), 0));
}

live().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
