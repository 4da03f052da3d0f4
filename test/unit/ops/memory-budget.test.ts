import { totalmem } from 'node:os';
import { divideMemory, memoryBudget } from '../../../src/ops/memory-budget.js';
import { rocksOptions, LEAST_STORE_BYTES, USUAL_STORE_BYTES } from '../../../src/store/rocks-options.js';

const MIB = 1024 * 1024;

test('the limit and the heap of the Kubernetes manifest fit', () => {
  // V8's own limit in a container of 2 GiB, with a young generation of 3 times 64 MiB.
  const budget = divideMemory(2048 * MIB, 1216 * MIB);
  expect(budget).toMatchObject({ warning: null, storesBytes: 512 * MIB });
  expect(budget.cacheBytes + budget.loadBytes).toBeLessThan(budget.heapBytes / 2);
});

test('a heap that does not fit leads to a warning, with a flag that makes it fit', () => {
  const { warning } = divideMemory(1024 * MIB, 704 * MIB);
  expect(warning).toContain('memory limit is 1024 MiB');
  const old = Number(/--max-old-space-size=(\d+)/.exec(warning ?? '')?.[1]);
  expect(divideMemory(1024 * MIB, (old + 192) * MIB).warning).toBeNull();
});

test.each([
  ['of the control group', 512 * MIB, 512 * MIB],
  ['of the machine where the group has none, which libuv tells as 0', 0, totalmem()],
  ['of the machine where libuv tells the largest number', 2 ** 64, totalmem()],
])('the limit is that %s', (_whose, ofGroup, limitBytes) => {
  const limitOfGroup = jest.spyOn(process, 'constrainedMemory').mockReturnValue(ofGroup);
  try {
    expect(memoryBudget({ info: () => undefined, warn: () => undefined })).toMatchObject({ limitBytes });
  } finally {
    limitOfGroup.mockRestore();
  }
});

test('the shares follow the limit and are bounded', () => {
  const small = divideMemory(512 * MIB, 256 * MIB);
  const large = divideMemory(64 * 1024 * MIB, 4096 * MIB);
  for (const share of ['cacheBytes', 'loadBytes', 'storesBytes'] as const) {
    expect(small[share]).toBeLessThan(large[share]);
    expect(large[share]).toBeLessThanOrEqual(768 * MIB);
  }
});

/** The binding's cache, which cannot be made smaller, and the write buffers. */
function bytesOf({
  blockCache,
  writeBufferSize = 0,
  maxWriteBufferNumber = 0,
}: ReturnType<typeof rocksOptions>): number {
  return (blockCache === true ? 32 * MIB : 0) + writeBufferSize * maxWriteBufferNumber;
}

test('stores take no more than they are given, however many there are', () => {
  for (let stores = 1; stores <= 300; stores++) {
    const share = Math.floor((512 * MIB) / stores);
    const bytes = bytesOf(rocksOptions(share));
    expect(bytes).toBeLessThanOrEqual(Math.max(share, LEAST_STORE_BYTES));
    expect(bytes).toBeGreaterThanOrEqual(Math.min(share, USUAL_STORE_BYTES) / 2);
  }
});
