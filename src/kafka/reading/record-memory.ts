/**
 * Memory for fetched records. It is reused for later records.
 *
 * V8 collects its whole heap each time that the memory outside of the heap, where Buffers are, has grown by 64 MiB.
 * Fetched records live long enough to count as growth, although they soon become garbage. So without reuse, an instance
 * that reads much would spend its time on collections of the whole heap.
 */
export class RecordMemory {
  readonly #free: Buffer[] = [];

  /**
   * @param pieceBytes the most that the records of one fetch usually take
   * @param mostFree how many free pieces to keep
   */
  constructor(
    private readonly pieceBytes: number,
    private readonly mostFree: number,
  ) {}

  /** Copies `bytes` into a piece of this memory. Small or too large bytes get a Buffer of their own. */
  copyOf(bytes: Buffer): Buffer {
    if (bytes.length > this.pieceBytes || bytes.length < this.pieceBytes / 2) return Buffer.from(bytes);
    const piece = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.pieceBytes);
    bytes.copy(piece);
    return piece.subarray(0, bytes.length);
  }

  /** Takes a piece back. @param copy a result of `copyOf`, which must not be used any more */
  giveBack(copy: Buffer): void {
    const { buffer, byteOffset, length } = copy;
    const isPiece = buffer.byteLength === this.pieceBytes && byteOffset === 0 && length >= this.pieceBytes / 2;
    if (isPiece && this.#free.length < this.mostFree) this.#free.push(Buffer.from(buffer));
  }
}
