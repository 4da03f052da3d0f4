declare module 'kafkajs/src/protocol/recordBatch/crc32C/crc32C.js' {
  export default function crc32c(bytes: Buffer): number;
}
