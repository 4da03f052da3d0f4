/** The members that can take one more partition while a placement gives out `total` of them evenly. It only shrinks. */
export class MembersWithRoom {
  readonly #least: number;
  readonly #mayHaveOneMore: number;
  #haveOneMore: number;
  /** The least loaded first, equal ones by number. */
  readonly #inOrder: number[];
  readonly #has: boolean[];

  /** @param partitionsOf by member, its partitions. Call `grew` after each that is added. */
  constructor(
    private readonly partitionsOf: readonly (readonly number[])[],
    total: number,
  ) {
    this.#least = Math.floor(total / partitionsOf.length);
    this.#mayHaveOneMore = total % partitionsOf.length;
    this.#haveOneMore = partitionsOf.filter(({ length }) => length > this.#least).length;
    const members = [...partitionsOf.keys()].sort((a, b) => this.#order(a, b));
    this.#inOrder = members.filter((member) => this.#count(member) <= this.#limit());
    this.#has = partitionsOf.map(({ length }) => length <= this.#limit());
  }

  get size(): number {
    return this.#inOrder.length;
  }

  /** The least loaded first, equal ones by number. */
  get inOrder(): readonly number[] {
    return this.#inOrder;
  }

  has(member: number): boolean {
    return this.#has[member] === true;
  }

  /** The member has got one more partition. */
  grew(member: number): void {
    const before = this.#limit();
    if (this.#count(member) === this.#least + 1) this.#haveOneMore++;
    if (this.has(member)) this.#inOrder.splice(this.#inOrder.indexOf(member), 1);
    this.#has[member] = this.#count(member) <= this.#limit();
    if (this.has(member)) this.#insert(member);
    if (this.#limit() < before) this.#dropFull();
  }

  /** The most partitions that a member with room has. */
  #limit(): number {
    return this.#haveOneMore < this.#mayHaveOneMore ? this.#least : this.#least - 1;
  }

  #dropFull(): void {
    const firstFull = this.#inOrder.findIndex((member) => this.#count(member) > this.#limit());
    if (firstFull === -1) return;
    for (const member of this.#inOrder.splice(firstFull)) this.#has[member] = false;
  }

  #insert(member: number): void {
    const after = this.#inOrder.findIndex((other) => this.#order(member, other) < 0);
    this.#inOrder.splice(after === -1 ? this.#inOrder.length : after, 0, member);
  }

  #order(a: number, b: number): number {
    return this.#count(a) - this.#count(b) || a - b;
  }

  #count(member: number): number {
    return this.partitionsOf[member]?.length ?? 0;
  }
}
