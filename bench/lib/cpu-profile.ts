/** Shows where a profiled process spent its time: self time by function, and by part of the program. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

const TOP_FUNCTIONS = 25;

/** @param folder the folder of `--cpu-prof-dir`; its latest profile is read */
export function describeProfile(folder: string): string {
  const file = readdirSync(folder)
    .filter((name) => name.endsWith('.cpuprofile'))
    .sort()
    .at(-1);
  if (file === undefined) throw new Error(`${folder} has no profile: did the process exit normally?`);
  const profile = JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile;
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));

  const byFunction = new Map<string, number>();
  const byPart = new Map<string, number>();
  let busyUs = 0;
  profile.samples.forEach((id, i) => {
    const frame = frames.get(id);
    const us = profile.timeDeltas[i] ?? 0;
    if (frame === undefined || frame.functionName === '(idle)') return;
    busyUs += us;
    add(byFunction, nameOf(frame.functionName, frame.url, frame.lineNumber), us);
    add(byPart, partOf(frame.functionName, frame.url), us);
  });
  const lines = (times: ReadonlyMap<string, number>, most: number): string[] =>
    [...times]
      .sort(([, a], [, b]) => b - a)
      .slice(0, most)
      .map(([name, us]) => `  ${((100 * us) / busyUs).toFixed(1).padStart(5)} %  ${name}`);
  return [
    `${(busyUs / 1e6).toFixed(1)} s of the main thread by part:`,
    ...lines(byPart, byPart.size),
    `by function:`,
    ...lines(byFunction, TOP_FUNCTIONS),
  ].join('\n');
}

function add(times: Map<string, number>, name: string, us: number): void {
  times.set(name, (times.get(name) ?? 0) + us);
}

function nameOf(functionName: string, url: string, line: number): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  return url === '' ? name : `${name}  ${url.replace(/^.*\/(dist|node_modules)\//, '')}:${line + 1}`;
}

/** A part of the program: a folder of ours, a package, Node's own code, or code outside of JavaScript. */
function partOf(functionName: string, url: string): string {
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (url === '') return 'native';
  if (url.startsWith('node:')) return 'node';
  const dependency = /^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (dependency !== undefined) return `package ${dependency}`;
  const own = url.split('/').slice(-2);
  return own[0] === 'dist' ? (own[1] ?? '') : `${own[0]}/`;
}
