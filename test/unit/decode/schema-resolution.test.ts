import { DecodingAbortedError, SchemaResolution } from '../../../src/decode/schema-resolution.js';
import {
  ASK_AGAIN_MS,
  ASK_FOR_REPAIR_MS,
  MAX_REMEMBERED_IDS,
  UNKNOWN_AFTER_MS,
} from '../../../src/decode/schema-denials.js';
import { RegistryUnavailableError } from '../../../src/decode/schema-source.js';
import type { Clock } from '../../../src/lib/clock.js';
import { notAborted } from './sync-events.js';
import { SteppedClock } from '../../support/clocks.js';

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

  timesAsked(id: number): number {
    return this.asked.filter((asked) => asked === id).length;
  }
}

function resolutionOf(source: Registry, clock: Clock): SchemaResolution<string> {
  return new SchemaResolution({ source, clock, compile: (schema) => JSON.stringify(schema), knownId: KNOWN_ID });
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

  await schemas.resolve(new Set([5]), notAborted());
  await schemas.resolve(new Set([5]), notAborted());

  expect(schemas.get(5)).toBe(JSON.stringify(SCHEMA));
  expect(registry.asked).toEqual([5]);
  expect(clock.delaysMs).toEqual([]);
});

test('an id is unknown only after 10 s of denials, with an answer for a known id between the first and the last', async () => {
  await schemas.resolve(new Set([5]), notAborted());

  expect(schemas.get(5)).toBeUndefined();
  expect(clock.now()).toBe(UNKNOWN_AFTER_MS);
  expect(registry.timesAsked(5)).toBeGreaterThan(5);
  expect(registry.asked.indexOf(KNOWN_ID)).toBeGreaterThan(registry.asked.indexOf(5));
  expect(registry.asked.lastIndexOf(KNOWN_ID)).toBeLessThan(registry.asked.lastIndexOf(5));
});

test('an unknown id does not wait again: it is asked for once a minute', async () => {
  await schemas.resolve(new Set([5]), notAborted());
  registry.asked.length = 0;
  for (let batch = 0; batch < 100; batch++) await schemas.resolve(new Set([5]), notAborted());
  expect(registry.asked).toEqual([]);

  await clock.delay(ASK_AGAIN_MS);
  const before = clock.now();
  for (let batch = 0; batch < 100; batch++) await schemas.resolve(new Set([5]), notAborted());
  expect(clock.now()).toBe(before);
  expect(registry.asked).toEqual([KNOWN_ID, 5]);
});

test('the id of a repair is requested again at once, because its schema may have just been registered', async () => {
  await schemas.resolve(new Set([5]), notAborted());
  registry.ids.add(5);
  await clock.delay(ASK_FOR_REPAIR_MS);
  await schemas.resolve(new Set([5]), notAborted());
  expect(schemas.get(5)).toBeUndefined();
  await schemas.resolve(new Set([5]), notAborted(), new Set([5]));
  expect(schemas.get(5)).toBe(JSON.stringify(SCHEMA));
});

test('many repairs at once lead to one request', async () => {
  await schemas.resolve(new Set([5]), notAborted());
  const asked = registry.timesAsked(5);
  for (let i = 0; i < 10; i++) await schemas.resolve(new Set([5]), notAborted(), new Set([5]));
  expect(registry.timesAsked(5)).toBe(asked);
});

test('the 10 s count from the first denial, whichever batch it came for', async () => {
  const givenUp = new AbortController();
  registry.onAsk = () => {
    if (clock.now() >= 6_000) givenUp.abort();
  };
  await expect(schemas.resolve(new Set([5]), givenUp.signal)).rejects.toThrow(DecodingAbortedError);
  registry.onAsk = () => undefined;

  await schemas.resolve(new Set([5]), notAborted());
  expect(clock.now()).toBe(UNKNOWN_AFTER_MS);
});

test('an id that becomes known later is read within a minute', async () => {
  await schemas.resolve(new Set([5]), notAborted());
  registry.ids.add(5);
  await clock.delay(ASK_AGAIN_MS);
  await schemas.resolve(new Set([5]), notAborted());

  expect(schemas.get(5)).toBeDefined();
});

test.each([
  ['is away', () => Promise.reject(new RegistryUnavailableError('503'))],
  ['has lost its schemas', () => Promise.resolve(null)],
])('when the registry %s, an id that was unknown is not taken for unknown after a minute', async (_, answer) => {
  await schemas.resolve(new Set([5]), notAborted());
  await clock.delay(ASK_AGAIN_MS);
  registry.schemaById = answer;

  await expect(schemas.resolve(new Set([5]), notAborted())).rejects.toThrow(RegistryUnavailableError);
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

    await schemas.resolve(many, notAborted());

    const waitedMs = [...many].map((id) => (lastAskedAt.get(id) ?? 0) - (firstAskedAt.get(id) ?? 0));
    expect(Math.min(...waitedMs)).toBeGreaterThanOrEqual(UNKNOWN_AFTER_MS);
    expect(registry.asked.length).toBeLessThan(2 * MANY + 1_000);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(8);
  });

  test('those used last are remembered, the others wait again', async () => {
    await schemas.resolve(many, notAborted());
    const before = clock.now();
    await schemas.resolve(new Set([...many].slice(-100)), notAborted());
    expect(clock.now()).toBe(before);
    await schemas.resolve(new Set([...many].slice(0, 100)), notAborted());
    expect(clock.now()).toBe(before + UNKNOWN_AFTER_MS);
  });
});

test('the denied ids of a batch wait together', async () => {
  await schemas.resolve(new Set([5, 6, 7]), notAborted());

  expect(clock.now()).toBe(10_000);
});

test('an id that appears at the last try is found', async () => {
  registry.onAsk = () => {
    if (clock.now() === 10_000) registry.ids.add(5);
  };

  await schemas.resolve(new Set([5, 6]), notAborted());

  expect(schemas.get(5)).toBeDefined();
  expect(schemas.get(6)).toBeUndefined();
});

test('if a registry denies the known id too, its denials do not count', async () => {
  registry.ids.clear();

  await expect(schemas.resolve(new Set([5]), notAborted())).rejects.toThrow(RegistryUnavailableError);
});

test('an id that resolved before replaces a known id that was deleted, and the other way round', async () => {
  registry.ids.add(4);
  await schemas.resolve(new Set([4]), notAborted());
  registry.ids.delete(KNOWN_ID);
  await expect(schemas.resolve(new Set([5]), notAborted())).resolves.toEqual(new Set([5]));

  registry.ids.add(KNOWN_ID).delete(4);
  await expect(schemas.resolve(new Set([5]), notAborted())).resolves.toEqual(new Set([5]));
});

test('an outage at any try is passed on, and the next call starts again', async () => {
  const outage = new RegistryUnavailableError('503');
  registry.onAsk = () => {
    if (clock.now() >= 5_000) throw outage;
  };
  await expect(schemas.resolve(new Set([5]), notAborted())).rejects.toBe(outage);

  registry.onAsk = () => undefined;
  const before = clock.now();
  await schemas.resolve(new Set([5]), notAborted());
  expect(clock.now() - before).toBe(10_000);
});

test.each([0, -1])('id %d, which no registry has, is not asked for', async (id) => {
  await schemas.resolve(new Set([id]), notAborted());

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

    await expect(schemas.resolve(new Set([5]), controller.signal)).rejects.toThrow(DecodingAbortedError);
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

    const resolved = resolutionOf(registry, abortingClock).resolve(new Set([5]), controller.signal);

    await expect(resolved).rejects.toThrow(DecodingAbortedError);
    expect(registry.asked).toEqual([5]);
  });

  test('while the registry hangs, it is not waited for', async () => {
    const hanging = resolutionOf(registry, clock);
    registry.schemaById = () => new Promise(() => undefined);

    const resolved = hanging.resolve(new Set([5]), controller.signal);
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

  test('only the ones that were asked for last are kept', async () => {
    const all = new Set([...registry.ids]);
    expect(await schemas.resolve(all, notAborted())).toEqual(new Set());
    const kept = [...all].filter((id) => schemas.get(id) !== undefined);
    expect(kept).toEqual([...all].slice(-20));
  });

  test('one that was dropped is not unknown: it is asked for again', async () => {
    await schemas.resolve(registry.ids, notAborted());
    expect(schemas.get(7)).toBeUndefined();
    expect(await schemas.read(7, notAborted())).toBe(JSON.stringify(large(7)));
    expect(registry.timesAsked(7)).toBe(2);
    expect(await schemas.read(7, notAborted())).toBe(JSON.stringify(large(7)));
    expect(registry.timesAsked(7)).toBe(2);
  });

  test('one that was dropped and is then denied waits for the registry, and does not count as unknown', async () => {
    await schemas.resolve(registry.ids, notAborted());
    registry.ids.delete(7);
    await expect(schemas.read(7, notAborted())).rejects.toThrow(RegistryUnavailableError);
  });
});
