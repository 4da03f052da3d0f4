declare module 'snappyjs' {
  /** Throws where the bytes are broken or would give more than `maxLength`. */
  export function uncompress(compressed: Buffer, maxLength?: number): Buffer;
  export function compress(bytes: Buffer): Buffer;
}
