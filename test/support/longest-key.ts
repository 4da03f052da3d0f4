/** Finds long texts that become keys: V8 compares long keys of equal length one by one. */

/** The characters of the longest text that `run` gives to a Set or a Map as a key. */
export function longestKeyIn(run: () => unknown): number {
  const spies = [
    jest.spyOn(Set.prototype, 'add'),
    jest.spyOn(Set.prototype, 'has'),
    jest.spyOn(Map.prototype, 'set'),
    jest.spyOn(Map.prototype, 'get'),
    jest.spyOn(Map.prototype, 'has'),
  ];
  try {
    run();
    const keys = spies.flatMap(({ mock }) => mock.calls.map(([key]: readonly unknown[]) => key));
    return Math.max(0, ...keys.map((key) => (typeof key === 'string' ? key.length : 0)));
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
