import { CHARACTERS_A_SECOND, COMPILING_MS_A_SECOND } from '../../../src/decode/kept-schemas.js';
import { DecodingAbortedError, SchemaResolution } from '../../../src/decode/schema-resolution.js';
import {
  ASK_AGAIN_MS,
  ASK_FOR_REPAIR_MS,
  MAX_REMEMBERED_IDS,
  UNKNOWN_AFTER_MS,
} from '../../../src/decode/schema-denials.js';
import { RegistryUnavailableError, type SchemaAsker } from '../../../src/decode/schema-source.js';
import type { Clock } from '../../../src/lib/clock.js';
import { notAborted } from './sync-events.js';
import { SteppedClock } from '../../support/clocks.js';
import { schemaSource } from '../../../testkit/schema-source.js';

const KNOWN_ID = 1;
const SCHEMA = { type: 'string' };

/** A registry whose answers can change while it is asked. */
class Registry {
  readonly asked: number[] = [];
  readonly ids = new Set([KNOWN_ID]);
  onAsk: (id: number) => void = () => undefined;

  schemaById(id: number): Promise<object | null> {
    this.asked.push(id);
    return Promise.resolve().then(() => {
      this.onAsk(id);
      return this.ids.has(id) ? SCHEMA : null;
    });
  }

  withSchema<T>(id: number, asker: SchemaAsker, use: (schema: object | null) => T | Promise<T>): Promise<T> {
    return schemaSource((id) => this.schemaById(id)).withSchema(id, asker, use);
  }

  timesAsked(id: number): number {
    return this.asked.filter((asked) => asked === id).length;
  }
}

function resolutionOf(source: Registry, clock: Clock): SchemaResolution<string> {
  return new SchemaResolution({ source, clock, compile: (schema) => JSON.stringify(schema), knownId: KNOWN_ID });
}

/** Decides all ids. @returns the unknown ones */
async function resolve(
  schemas: SchemaResolution<string>,
  ids: ReadonlySet<number>,
  signal: AbortSignal,
  ofRepairs?: ReadonlySet<number>,
): Promise<ReadonlySet<number>> {
  const missing = [...ids].filter((id) => schemas.get(id) === undefined);
  const search = schemas.search(missing, 'test', ofRepairs);
  await search.advance(
    signal,
    () => false,
    () => undefined,
  );
  return new Set(missing.filter((id) => search.isUnknown(id)));
}

let registry: Registry;
let clock: SteppedClock;
let schemas: SchemaResolution<string>;

beforeEach(() => {
  registry = new Registry();
  clock = new SteppedClock();
  schemas = resolutionOf(registry, clock);
});

test('a registered schema is compiled at once, and requested only once', async () => {
  registry.ids.add(5);

  await resolve(schemas, new Set([5]), notAborted());
  await resolve(schemas, new Set([5]), notAborted());

  expect(schemas.get(5)).toBe(JSON.stringify(SCHEMA));
  expect(registry.asked).toEqual([5]);
  expect(clock.delaysMs).toEqual([]);
});

test('an id is unknown only after 10 s of denials, with an answer for a known id between the first and the last', async () => {
  await resolve(schemas, new Set([5]), notAborted());

  expect(schemas.get(5)).toBeUndefined();
  expect(clock.now()).toBe(UNKNOWN_AFTER_MS);
  expect(registry.timesAsked(5)).toBeGreaterThan(5);
  expect(registry.asked.indexOf(KNOWN_ID)).toBeGreaterThan(registry.asked.indexOf(5));
  expect(registry.asked.lastIndexOf(KNOWN_ID)).toBeLessThan(registry.asked.lastIndexOf(5));
});

test('an unknown id does not wait again: it is asked for once a minute', async () => {
  await resolve(schemas, new Set([5]), notAborted());
  registry.asked.length = 0;
  for (let batch = 0; batch < 100; batch++) await resolve(schemas, new Set([5]), notAborted());
  expect(registry.asked).toEqual([]);

  await clock.delay(ASK_AGAIN_MS);
  const before = clock.now();
  for (let batch = 0; batch < 100; batch++) await resolve(schemas, new Set([5]), notAborted());
  expect(clock.now()).toBe(before);
  expect(registry.asked).toEqual([KNOWN_ID, 5]);
});

test('the id of a repair is requested again at once, because its schema may have just been registered', async () => {
  await resolve(schemas, new Set([5]), notAborted());
  registry.ids.add(5);
  await clock.delay(ASK_FOR_REPAIR_MS);
  await resolve(schemas, new Set([5]), notAborted());
  expect(schemas.get(5)).toBeUndefined();
  await resolve(schemas, new Set([5]), notAborted(), new Set([5]));
  expect(schemas.get(5)).toBe(JSON.stringify(SCHEMA));
});

test('many repairs at once lead to one request', async () => {
  await resolve(schemas, new Set([5]), notAborted());
  const asked = registry.timesAsked(5);
  for (let i = 0; i < 10; i++) await resolve(schemas, new Set([5]), notAborted(), new Set([5]));
  expect(registry.timesAsked(5)).toBe(asked);
});

test('the 10 s count from the first denial, whichever batch it came for', async () => {
  const givenUp = new AbortController();
  registry.onAsk = () => {
    if (clock.now() >= 6_000) givenUp.abort();
  };
  await expect(resolve(schemas, new Set([5]), givenUp.signal)).rejects.toThrow(DecodingAbortedError);
  registry.onAsk = () => undefined;

  await resolve(schemas, new Set([5]), notAborted());
  expect(clock.now()).toBe(UNKNOWN_AFTER_MS);
});

test('an id that becomes known later is read within a minute', async () => {
  await resolve(schemas, new Set([5]), notAborted());
  registry.ids.add(5);
  await clock.delay(ASK_AGAIN_MS);
  await resolve(schemas, new Set([5]), notAborted());

  expect(schemas.get(5)).toBeDefined();
});

test.each([
  ['is away', () => Promise.reject(new RegistryUnavailableError('503'))],
  ['has lost its schemas', () => Promise.resolve(null)],
])('when the registry %s, an id that was unknown is not taken for unknown after a minute', async (_, answer) => {
  await resolve(schemas, new Set([5]), notAborted());
  await clock.delay(ASK_AGAIN_MS);
  registry.schemaById = answer;

  await expect(resolve(schemas, new Set([5]), notAborted())).rejects.toThrow(RegistryUnavailableError);
});

describe('if a producer sends more ids than are remembered', () => {
  const MANY = MAX_REMEMBERED_IDS + 2_000;
  const many = new Set(Array.from({ length: MANY }, (_, i) => 100 + i));

  test('all of them are found to be unknown, none before 10 s, and with few requests', async () => {
    const firstAskedAt = new Map<number, number>();
    const lastAskedAt = new Map<number, number>();
    let underWay = 0;
    let most = 0;
    const answer = registry.schemaById.bind(registry);
    registry.schemaById = async (id) => {
      if (!firstAskedAt.has(id)) firstAskedAt.set(id, clock.now());
      lastAskedAt.set(id, clock.now());
      most = Math.max(most, ++underWay);
      return answer(id).finally(() => underWay--);
    };

    await resolve(schemas, many, notAborted());

    const waitedMs = [...many].map((id) => (lastAskedAt.get(id) ?? 0) - (firstAskedAt.get(id) ?? 0));
    expect(Math.min(...waitedMs)).toBeGreaterThanOrEqual(UNKNOWN_AFTER_MS);
    expect(registry.asked.length).toBeLessThan(2 * MANY + 1_000);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(8);
  });

  test('those used last are remembered, the others wait again', async () => {
    await resolve(schemas, many, notAborted());
    const before = clock.now();
    await resolve(schemas, new Set([...many].slice(-100)), notAborted());
    expect(clock.now()).toBe(before);
    await resolve(schemas, new Set([...many].slice(0, 100)), notAborted());
    expect(clock.now()).toBe(before + UNKNOWN_AFTER_MS);
  });
});

test('the denied ids of a batch wait together', async () => {
  await resolve(schemas, new Set([5, 6, 7]), notAborted());

  expect(clock.now()).toBe(10_000);
});

test('an id that appears at the last try is found', async () => {
  registry.onAsk = () => {
    if (clock.now() === 10_000) registry.ids.add(5);
  };

  await resolve(schemas, new Set([5, 6]), notAborted());

  expect(schemas.get(5)).toBeDefined();
  expect(schemas.get(6)).toBeUndefined();
});

test('if a registry denies the known id too, its denials do not count', async () => {
  registry.ids.clear();

  await expect(resolve(schemas, new Set([5]), notAborted())).rejects.toThrow(RegistryUnavailableError);
});

test('an id that resolved before replaces a known id that was deleted, and the other way round', async () => {
  registry.ids.add(4);
  await resolve(schemas, new Set([4]), notAborted());
  registry.ids.delete(KNOWN_ID);
  await expect(resolve(schemas, new Set([5]), notAborted())).resolves.toEqual(new Set([5]));

  registry.ids.add(KNOWN_ID).delete(4);
  await expect(resolve(schemas, new Set([5]), notAborted())).resolves.toEqual(new Set([5]));
});

test('an outage at any try is passed on, and the next call starts again', async () => {
  const outage = new RegistryUnavailableError('503');
  registry.onAsk = () => {
    if (clock.now() >= 5_000) throw outage;
  };
  await expect(resolve(schemas, new Set([5]), notAborted())).rejects.toBe(outage);

  registry.onAsk = () => undefined;
  const before = clock.now();
  await resolve(schemas, new Set([5]), notAborted());
  expect(clock.now() - before).toBe(10_000);
});

test.each([0, -1])('id %d, which no registry has, is not asked for', async (id) => {
  await resolve(schemas, new Set([id]), notAborted());

  expect(registry.asked).toEqual([]);
  expect(clock.delaysMs).toEqual([]);
});

describe('when the caller gives up', () => {
  let controller: AbortController;

  beforeEach(() => {
    controller = new AbortController();
  });

  test('before any request, nothing is requested', async () => {
    controller.abort();

    await expect(resolve(schemas, new Set([5]), controller.signal)).rejects.toThrow(DecodingAbortedError);
    expect(registry.asked).toEqual([]);
  });

  test('during a pause, nothing more is requested', async () => {
    const abortingClock: Clock = {
      now: () => 0,
      delay: () => {
        controller.abort();
        return Promise.resolve();
      },
    };

    const resolved = resolve(resolutionOf(registry, abortingClock), new Set([5]), controller.signal);

    await expect(resolved).rejects.toThrow(DecodingAbortedError);
    expect(registry.asked).toEqual([5]);
  });

  test('while the registry hangs, it is not waited for', async () => {
    const hanging = resolutionOf(registry, clock);
    registry.schemaById = () => new Promise(() => undefined);

    const resolved = resolve(hanging, new Set([5]), controller.signal);
    controller.abort();

    await expect(resolved).rejects.toThrow(DecodingAbortedError);
  });
});

describe('however many schemas producers register', () => {
  /** Of about 100,000 characters: twenty of them are kept. */
  const large = (id: number) => ({ type: 'string', doc: String(id).padStart(100_000) });

  beforeEach(() => {
    registry.schemaById = (id) => {
      registry.asked.push(id);
      return Promise.resolve(registry.ids.has(id) ? large(id) : null);
    };
    for (let id = 1; id <= 1_000; id++) registry.ids.add(id);
  });

  test('only the ones that were asked for last are kept, and usual ones are not dropped for large ones', async () => {
    registry.ids.add(5_000);
    const usual = { type: 'string' };
    const answer = registry.schemaById.bind(registry);
    registry.schemaById = (id) => (id === 5_000 ? Promise.resolve(usual) : answer(id));
    await resolve(schemas, new Set([5_000]), notAborted());
    const all = new Set(Array.from({ length: 1_000 }, (_, i) => i + 1));
    expect(await resolve(schemas, all, notAborted())).toEqual(new Set());
    const kept = [...all].filter((id) => schemas.get(id) !== undefined);
    expect(kept).toEqual([...all].slice(-10));
    expect(schemas.get(5_000)).toBe(JSON.stringify(usual));
  });

  test('one that was dropped is not unknown: it is asked for again', async () => {
    await resolve(schemas, registry.ids, notAborted());
    expect(schemas.get(7)).toBeUndefined();
    expect(await resolve(schemas, new Set([7]), notAborted())).toEqual(new Set());
    expect(schemas.get(7)).toBe(JSON.stringify(large(7)));
    expect(registry.timesAsked(7)).toBe(2);
  });

  test('no more than CHARACTERS_A_SECOND are compiled, and a usual schema does not wait for that', async () => {
    await resolve(schemas, registry.ids, notAborted());
    const characters = 1_000 * 100_000;
    expect(clock.now()).toBeGreaterThan((characters / CHARACTERS_A_SECOND - 2) * 1_000);
    registry.schemaById = () => Promise.resolve({ type: 'string' });
    const before = clock.now();
    await resolve(schemas, new Set([5_000]), notAborted());
    expect(clock.now()).toBe(before);
  });
});

test('schemas that take long to compile take no more than COMPILING_MS_A_SECOND, however short they are', async () => {
  const compilingMs = 500;
  let compiledMs = 0;
  const slow = { now: () => clock.now() + compiledMs, delay: (ms: number) => clock.delay(ms) };
  const compile = (schema: object) => {
    compiledMs += compilingMs;
    return JSON.stringify(schema);
  };
  const paced = new SchemaResolution({ source: registry, clock: slow, compile, knownId: KNOWN_ID });
  for (let id = 1; id <= 20; id++) registry.ids.add(id);
  await resolve(paced, registry.ids, notAborted());
  expect(slow.now()).toBeGreaterThan((compiledMs / COMPILING_MS_A_SECOND - 2) * 1_000);
});

test.each([3_600_000, -3_600_000])(
  'a machine clock that is set by %d ms while a schema is compiled costs no wait',
  async (ms) => {
    let set = 0;
    const delaysMs: number[] = [];
    const jumping: Clock = {
      now: () => clock.now() + set,
      monotonicMs: () => clock.now(),
      delay: (delayMs) => {
        delaysMs.push(delayMs);
        return clock.delay(delayMs);
      },
    };
    const compile = (schema: object) => {
      set += ms;
      return JSON.stringify(schema);
    };
    const resolution = new SchemaResolution({ source: registry, clock: jumping, compile, knownId: KNOWN_ID });
    for (let id = 1; id <= 10; id++) registry.ids.add(id);
    await resolve(resolution, registry.ids, notAborted());
    expect(delaysMs).toEqual([]);
  },
);

describe('a registry that does not answer every request', () => {
  const many = new Set(Array.from({ length: 10_000 }, (_, i) => 100 + i));
  let failing: (request: number) => RegistryUnavailableError | null;
  let requests: number;

  beforeEach(() => {
    requests = 0;
    registry.onAsk = () => {
      const failure = failing(++requests);
      if (requests > 10 * many.size) throw new Error('too many requests');
      if (failure !== null) throw failure;
    };
  });

  /** Calls again after each failure, as a partition does. @returns the number of calls */
  async function decided(ids: ReadonlySet<number>): Promise<number> {
    const search = schemas.search(ids, 'test');
    for (let calls = 1; calls < 1_000; calls++) {
      try {
        await search.advance(
          notAborted(),
          () => false,
          () => undefined,
        );
        expect([...ids].every((id) => search.isUnknown(id))).toBe(true);
        return calls;
      } catch (error) {
        if (!(error instanceof RegistryUnavailableError)) throw error;
        await clock.delay(error.retryAfterMs ?? 50);
      }
    }
    throw new Error('not decided');
  }

  test('one failure in 200 requests does not undo the other answers', async () => {
    failing = (request) => (request % 200 === 0 ? new RegistryUnavailableError('503') : null);
    await decided(many);
    expect(requests).toBeLessThan(2.2 * many.size);
    expect(clock.now()).toBeLessThan(60_000);
  });

  test.each([
    [500, 150_000],
    [2_000, 500_000],
  ])(
    'a registry with a limit of requests decides some of %i ids in each portion, and is left alone when it asks for that',
    async (count, mostMs) => {
      const limited = new Set([...many].slice(0, count));
      let second = -1;
      let left = 0;
      let refused = 0;
      failing = () => {
        if (Math.floor(clock.now() / 1_000) > second) [second, left] = [Math.floor(clock.now() / 1_000), 25];
        if (left-- > 0) return null;
        refused++;
        return new RegistryUnavailableError('429', { retryAfterMs: 1_000 });
      };
      const calls = await decided(limited);
      expect(refused).toBeLessThanOrEqual(8 * calls);
      expect(clock.now()).toBeLessThan(mostMs);
    },
  );

  test('after an outage, the 10 s of the ids that could not be requested in it begin again', async () => {
    failing = () => (clock.now() >= 5_000 && clock.now() < 9_000 ? new RegistryUnavailableError('down') : null);
    const search = schemas.search([...many].slice(0, 20), 'test');
    const untilOneIsDecided = () =>
      search.advance(
        notAborted(),
        () => search.openCount < 20,
        () => undefined,
      );
    for (let isDown = true; isDown;) {
      isDown = await untilOneIsDecided().then(
        () => false,
        () => true,
      );
      await clock.delay(50);
    }
    expect(clock.now()).toBeGreaterThanOrEqual(9_000 + UNKNOWN_AFTER_MS);
  });

  test('the reason says how many ids the registry has denied', async () => {
    failing = () => (clock.now() >= 5_000 ? new RegistryUnavailableError('429', { retryAfterMs: 7 }) : null);
    const search = schemas.search(many, 'test');
    const advanced = search.advance(
      notAborted(),
      () => false,
      () => undefined,
    );
    await expect(advanced).rejects.toMatchObject({
      message: expect.stringMatching(
        /^429; before that, it denied 99\d\d schema ids of the records read, such as 1/,
      ) as string,
      retryAfterMs: 7,
    });
  });
});
