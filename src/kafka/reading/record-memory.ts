/**
 * The memory that fetched records are in, used again for the next ones.
 *
 * V8 looks through its whole heap each time that the memory outside of it, where Buffers are, has grown by 64 MiB. What
 * fetches give lives long enough to count as growth, however soon it is garbage. So an instance with much to read would
 * have its heap looked through all the time.
 */
export class RecordMemory {
  readonly #free: Buffer[] = [];

  /**
   * @param pieceBytes what the records of one fetch take at most, as a rule
   * @param mostFree pieces kept for later
   */
  constructor(
    private readonly pieceBytes: number,
    private readonly mostFree: number,
  ) {}

  /** A copy of `bytes`: in a piece of this memory, but for what is small or too large for one. */
  copyOf(bytes: Buffer): Buffer {
    if (bytes.length > this.pieceBytes || bytes.length < this.pieceBytes / 2) return Buffer.from(bytes);
    const piece = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.pieceBytes);
    bytes.copy(piece);
    return piece.subarray(0, bytes.length);
  }

  /** @param copy what `copyOf` gave; nobody may look at it any more */
  giveBack(copy: Buffer): void {
    const { buffer, byteOffset, length } = copy;
    const isPiece = buffer.byteLength === this.pieceBytes && byteOffset === 0 && length >= this.pieceBytes / 2;
    if (isPiece && this.#free.length < this.mostFree) this.#free.push(Buffer.from(buffer));
  }
}
