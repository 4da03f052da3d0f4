/**
 * Replaces the globals that read a clock, wait or make random values, while a simulation runs. `src/` and kafkajs then
 * use the simulation's time and its seed.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { gunzipSync, gzipSync, type ZlibOptions } from 'node:zlib';
import type { SeededRandom } from '../seeded-random.js';

/** The time that the globals follow. */
export interface GlobalTime {
  /** Milliseconds since the epoch. A process may see its clock set. */
  now(): number;
  /** Milliseconds since any moment: nobody sets this clock. */
  elapsed(): number;
  /** Plans `run`. @returns cancels it */
  after(ms: number, run: () => void): () => void;
  /** In place of the global `fetch`, if the simulation has HTTP. */
  readonly fetch?: typeof fetch;
}

type Run = (...values: unknown[]) => void;

/** What `setTimeout` returns. Nothing keeps a simulation running, so `ref` and `unref` do nothing. */
class SimulatedTimer {
  #cancel: () => void = () => undefined;

  constructor(private readonly plan: (timer: SimulatedTimer) => () => void) {
    this.refresh();
  }

  refresh(): this {
    this.#cancel();
    this.#cancel = this.plan(this);
    return this;
  }

  close(): this {
    this.#cancel();
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }
}

/** The object that has a property, the name of the property, and its value during the simulation. */
type Replacement = readonly [target: object, name: string, value: unknown];

/** @returns puts the real ones back */
export function takeOverGlobals(time: GlobalTime, random: SeededRandom): () => void {
  const replacements = [...timers(time), ...clocks(time), ...randomness(random), ...compression(), ...http(time)];
  const originals = replacements.map(([target, name]) => Object.getOwnPropertyDescriptor(target, name));
  for (const [target, name, value] of replacements)
    Object.defineProperty(target, name, { value, configurable: true, writable: true, enumerable: true });
  syncBuiltinESMExports();
  return () => {
    replacements.forEach(([target, name], i) => {
      const original = originals[i];
      if (original === undefined) Reflect.deleteProperty(target, name);
      else Object.defineProperty(target, name, original);
    });
    syncBuiltinESMExports();
  };
}

/** Not `import`: only the objects that `require` returns can be changed. */
const required = createRequire(import.meta.url) as (name: string) => object;

function timers(time: GlobalTime): Replacement[] {
  const clear = (timer?: SimulatedTimer | null) => void timer?.close();
  const once = (run: Run, ms = 0, ...values: unknown[]) =>
    new SimulatedTimer(() => time.after(Math.max(1, ms), () => run(...values)));
  const again = (run: Run, ms = 0, ...values: unknown[]) =>
    new SimulatedTimer((timer) =>
      time.after(Math.max(1, ms), () => {
        timer.refresh();
        run(...values);
      }),
    );
  const soon = (run: Run, ...values: unknown[]) => new SimulatedTimer(() => time.after(0, () => run(...values)));
  const byName = {
    setTimeout: once,
    clearTimeout: clear,
    setInterval: again,
    clearInterval: clear,
    setImmediate: soon,
    clearImmediate: clear,
  };
  const promised = {
    setTimeout: (ms?: number, value?: unknown, options?: { signal?: AbortSignal }) =>
      waited(time, ms ?? 1, value, options?.signal),
    setImmediate: (value?: unknown) => waited(time, 0, value),
  };
  return [
    ...Object.entries(byName).flatMap(([name, value]): Replacement[] => [
      [globalThis, name, value],
      [required('node:timers'), name, value],
    ]),
    ...Object.entries(promised).map(([name, value]): Replacement => [required('node:timers/promises'), name, value]),
    [AbortSignal, 'timeout', (ms: number) => abortedAfter(time, ms)],
  ];
}

function waited(time: GlobalTime, ms: number, value: unknown, signal?: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const cancel = time.after(ms, () => resolve(value));
    const abort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    if (signal?.aborted === true) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}

function abortedAfter(time: GlobalTime, ms: number): AbortSignal {
  const controller = new AbortController();
  time.after(ms, () => controller.abort(new DOMException('The operation timed out', 'TimeoutError')));
  return controller.signal;
}

const NS_PER_MS = 1_000_000;

function clocks(time: GlobalTime): Replacement[] {
  const elapsed = () => time.elapsed();
  const now = () => time.now();
  const date = new Proxy(Date, {
    construct: (target, values: [], newTarget) =>
      Reflect.construct(target, values.length === 0 ? [now()] : values, newTarget) as Date,
    apply: (target) => new target(now()).toString(),
    get: (target, name) => (name === 'now' ? now : (Reflect.get(target, name) as unknown)),
  });
  const hrtime = (since: readonly [number, number] = [0, 0]) => {
    const ns = elapsed() * NS_PER_MS - (since[0] * 1e9 + since[1]);
    return [Math.floor(ns / 1e9), ns % 1e9];
  };
  hrtime.bigint = () => BigInt(Math.round(elapsed() * NS_PER_MS));
  return [
    [globalThis, 'Date', date],
    [performance, 'now', elapsed],
    [process, 'hrtime', hrtime],
  ];
}

/** zlib's threads take real time. */
function compression(): Replacement[] {
  const atOnce = (compress: (bytes: Buffer, options?: ZlibOptions) => Buffer) => {
    return (bytes: Buffer, ...rest: [...([ZlibOptions] | []), (error: Error | null, result?: Buffer) => void]) => {
      const done = rest.at(-1) as (error: Error | null, result?: Buffer) => void;
      let result: Buffer;
      try {
        result = compress(bytes, rest.length > 1 ? (rest[0] as ZlibOptions) : {});
      } catch (error) {
        return done(error as Error);
      }
      done(null, result);
    };
  };
  const zlib = required('node:zlib');
  return [
    [zlib, 'gzip', atOnce(gzipSync)],
    [zlib, 'gunzip', atOnce(gunzipSync)],
  ];
}

/** Without HTTP of the run's own, every request fails: the real `fetch` would look a name up in real time. */
function http(time: GlobalTime): Replacement[] {
  const refused = (_: unknown, options?: { signal?: AbortSignal }): Promise<never> =>
    waited(time, 1, null, options?.signal).then(() => {
      throw new TypeError('fetch failed', { cause: new Error('a simulation has no HTTP') });
    });
  return [[globalThis, 'fetch', time.fetch ?? refused]];
}

function randomness(random: SeededRandom): Replacement[] {
  const crypto = required('node:crypto');
  const randomBytes = (bytes: number, done?: (error: null, value: Buffer) => void) => {
    const value = Buffer.from(random.hex(bytes * 2), 'hex');
    done?.(null, value);
    return value;
  };
  const randomInt = (min: number, max?: number) =>
    max === undefined ? random.integer(0, min - 1) : random.integer(min, max - 1);
  return [
    [Math, 'random', () => random.next()],
    [crypto, 'randomBytes', randomBytes],
    [crypto, 'randomInt', randomInt],
    [crypto, 'randomUUID', () => random.uuid()],
    [globalThis.crypto, 'randomUUID', () => random.uuid()],
  ];
}
