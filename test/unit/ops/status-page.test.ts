/** The status page has a look for every word that the API may send. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { VERDICTS } from '../../../src/domain/explanation.js';
import { classOf, KNOWN_STATUSES } from '../../../src/domain/statuses.js';
import { DEPENDENCIES } from '../../../src/ops/dependency-watch.js';
import { PARTITION_STATES } from '../../../src/pipeline/observer.js';

const PAGE = readFileSync(join(__dirname, '..', '..', '..', 'page', 'page.js'), 'utf8');

/** The keys of a table of page.js, which a browser loads as it is: it cannot import the lists above. */
function wordsIn(table: string): string[] {
  const entries = new RegExp(`^const ${table} = \\{([^}]*)\\};$`, 'm').exec(PAGE)?.[1] ?? '';
  return [...entries.matchAll(/(?:'([^']+)'|(\w+)): '/g)].map(([, quoted, plain]) => quoted ?? plain ?? '').sort();
}

test.each([
  ['each state of a partition', 'STATE_LOOKS', PARTITION_STATES],
  ['each verdict', 'VERDICT_LOOKS', VERDICTS],
  ['each class of a status', 'CLASS_LOOKS', [...new Set(KNOWN_STATUSES.map(classOf))]],
  ['each dependency', 'DEPENDENCY_NAMES', DEPENDENCIES],
])('%s has an entry in the status page', (_what, table, words) => {
  expect(wordsIn(table)).toEqual([...words].sort());
});

test('characters of an id that nobody sees, or that change the order of others, are shown as escapes', () => {
  const from = PAGE.indexOf('const UNSEEN');
  const makeElement = PAGE.slice(from, PAGE.indexOf('/** Replaces the content', from));
  const appended: unknown[] = [];
  const document = { createElement: () => ({ append: (...children: unknown[]) => appended.push(...children) }) };
  runInNewContext(`${makeElement}; make('p', '', 'ac\\u202eme\\u200b\\u0007 é', node);`, { document, node: appended });
  expect(appended).toEqual(['ac\\u{202e}me\\u{200b}\\u{7} é', appended]);
});

describe('a page whose instance gives no answer', () => {
  /** As much of an element as page.js uses. */
  class FakeElement {
    className = '';
    textContent = '';
    hidden = false;
    value = '';
    readonly dataset = {};
    append(): void {}
    replaceChildren(): void {}
    setAttribute(): void {}
    readonly listeners = new Map<string, (event: object) => void>();
    addEventListener(type: string, listener: (event: object) => void): void {
      this.listeners.set(type, listener);
    }
    focus(): void {}
    contains = () => false;
    querySelectorAll = () => [];
  }

  const PARTITIONS = {
    partitions: [
      {
        partition: 0,
        state: 'running',
        reason: null,
        lag: 0,
        recordsPerSecond: 0,
        position: 7,
        owner: 'a',
        stale: false,
      },
    ],
  };

  /** Runs page.js. @param answer what `fetch` returns */
  function open(answer: (path: string, request: RequestInit) => Promise<unknown>) {
    const elements = new Map<string, FakeElement>();
    const byId = (id: string) => {
      const element = elements.get(id) ?? new FakeElement();
      elements.set(id, element);
      return element;
    };
    const body = new FakeElement();
    const document = {
      body,
      hidden: false,
      activeElement: null,
      getElementById: byId,
      createElement: () => new FakeElement(),
      addEventListener: () => undefined,
    };
    const sessionStorage = { getItem: () => null, setItem: () => undefined, removeItem: () => undefined };
    const globals = { document, sessionStorage, location: { hash: '' }, history: { replaceState() {} }, fetch: answer };
    // The timers and the clock are the fake ones of jest.
    const ofLanguage = { AbortSignal, Date, Promise, setInterval, setTimeout };
    runInNewContext(PAGE, { ...globals, ...ofLanguage });
    return { summary: byId('summary'), body, byId };
  }

  /** Answers of an instance that runs one partition. */
  function answered(path: string) {
    const answer = path.startsWith('partitions') ? PARTITIONS : { companies: [], count: 0, complete: true };
    return Promise.resolve({ status: 200, json: () => Promise.resolve(answer) });
  }

  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  test('says so, with the age of what it shows, and stops waiting', async () => {
    let isFrozen = false;
    const signals: AbortSignal[] = [];
    jest.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(new DOMException('signal timed out', 'TimeoutError')), ms);
      return controller.signal;
    });
    const { summary, body } = open((path, { signal }) => {
      if (signal == null) throw new Error('a request without a time limit');
      signals.push(signal);
      if (!isFrozen) return answered(path);
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    });
    await jest.advanceTimersByTimeAsync(500);
    expect(summary.textContent).toMatch(/^1 of 1 partitions run on 1 instance/);
    expect(body.className).toBe('');

    isFrozen = true;
    await jest.advanceTimersByTimeAsync(6_000);
    expect(summary.textContent).toMatch(/^no answer: waiting for [45] s. What is shown is [56] s old$/);
    expect(body.className).toBe('old');
    await jest.advanceTimersByTimeAsync(10_200);
    expect(summary.textContent).toMatch(/^no answer: none within 15 s. What is shown is 1[5-7] s old$/);

    isFrozen = false;
    await jest.advanceTimersByTimeAsync(20_000);
    expect(summary.textContent).toMatch(/^1 of 1 partitions run on 1 instance/);
    expect(body.className).toBe('');
    jest.restoreAllMocks();
  });

  test('goes on after it was asked for an id with half a character', async () => {
    const asked: string[] = [];
    const { byId } = open((path) => {
      asked.push(path);
      return answered(path);
    });
    byId('company').value = '\ud800';
    byId('search').listeners.get('submit')?.({ preventDefault: () => undefined });
    await jest.advanceTimersByTimeAsync(5_000);
    const before = asked.filter((path) => path.startsWith('partitions')).length;
    await jest.advanceTimersByTimeAsync(10_000);
    expect(asked.filter((path) => path.startsWith('partitions')).length).toBeGreaterThan(before);
    expect(byId('verdict').className).toBe('verdict bad');
  });
});
