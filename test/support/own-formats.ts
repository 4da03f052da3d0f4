import * as memberMessages from '../../src/kafka/group/member-messages.js';
import * as byteWriter from '../../src/lib/byte-writer.js';
import * as partitionMeta from '../../src/store/partition-meta.js';
import * as rowCodec from '../../src/store/row-codec.js';
import * as rowKeys from '../../src/store/row-keys.js';
import { storedFormats } from './stored-formats.js';

/** The stored formats as this tree writes and reads them. */
export const ownFormats = storedFormats({
  ...byteWriter,
  ...rowCodec,
  ...partitionMeta,
  ...rowKeys,
  ...memberMessages,
});
