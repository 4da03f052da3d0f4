/**
 * The binary form of rows, the same in the store and in the changelog: one file for each kind of row. Each row begins
 * with a version byte (row-version.ts). Numbers are varints; `ByteWriter` writes ids and texts.
 */
export { decodeCompanyRow, writeCompanyRow } from './company-row-codec.js';
export { decodeDatasetRow, hasStatusText, writeDatasetRow } from './dataset-row-codec.js';
export { decodeFirstSyncRow, writeFirstSyncRow } from './first-sync-row-codec.js';
export { decodeHoldRow, writeHoldRow } from './hold-row-codec.js';
export { decodeInfoRow, writeInfoRow } from './info-row-codec.js';
export { decodeOriginRow, isSameOrigin, writeOriginRow, type OriginRow } from './origin-row-codec.js';
export { decodePositionRow, writePositionRow, type PositionRow } from './position-row-codec.js';
