/** The size of a log, as brokers report it. */
import type { ConnectedBroker } from '../../../../src/kafka/protocol/protocol-call.js';
import { describeLogDirs } from '../../../../src/kafka/protocol/describe-log-dirs.js';
import { ERROR_CODES } from '../../../../src/kafka/protocol/protocol-errors.js';
import { WireWriter } from '../../../../src/kafka/protocol/wire-format.js';

const AT = { topic: 'changelog', partition: 3 };

interface Folder {
  readonly errorCode?: number;
  readonly sizes?: readonly { readonly bytes: number; readonly isMoving?: boolean }[];
}

function answerOf(folders: readonly Folder[]): Buffer {
  const to = new WireWriter(100).int32(0 /* throttled */).int32(folders.length);
  for (const { errorCode = 0, sizes = [] } of folders) {
    to.int16(errorCode).string('/var/lib/kafka').int32(1).string(AT.topic).int32(sizes.length);
    for (const { bytes, isMoving } of sizes)
      to.int32(AT.partition)
        .int64(bytes)
        .int64(0)
        .int8(isMoving === true ? 1 : 0);
  }
  return to.finish();
}

/** The size that is read from a broker with versions up to `newest`. */
async function sizeOf(folders: readonly Folder[], newest = 4): Promise<{ bytes: number | null; errorCode: number }> {
  const broker = {
    versions: { 35: { minVersion: 1, maxVersion: newest } },
    connectionPool: {
      send: (call: { response: { decode(body: Buffer): Promise<object> } }) => call.response.decode(answerOf(folders)),
    },
  } as unknown as ConnectedBroker;
  const { bytes, errorCode } = await describeLogDirs(broker, AT);
  return { bytes, errorCode };
}

test.each([
  ['in one folder', [{ sizes: [{ bytes: 5_000_000_000 }] }, {}], { bytes: 5_000_000_000, errorCode: 0 }],
  [
    'without the copy in a folder it moves to',
    [{ sizes: [{ bytes: 9 }, { bytes: 7, isMoving: true }] }],
    { bytes: 9, errorCode: 0 },
  ],
  ['although another folder is lost', [{ errorCode: 56 }, { sizes: [{ bytes: 9 }] }], { bytes: 9, errorCode: 0 }],
  ['which may not be told', [], { bytes: null, errorCode: 0 }],
  ['whose folder is lost', [{ errorCode: 56 }], { bytes: null, errorCode: 56 }],
  ['of another leader', [{}], { bytes: null, errorCode: ERROR_CODES.NOT_LEADER_OR_FOLLOWER }],
])('the size of a log %s', async (_, folders: readonly Folder[], size) => {
  expect(await sizeOf(folders)).toEqual(size);
});

test('a broker that does not know the request is not asked', async () => {
  expect(await sizeOf([{ sizes: [{ bytes: 9 }] }], 0)).toEqual({ bytes: null, errorCode: 0 });
});
