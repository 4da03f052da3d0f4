/** How much of a limit all clients together may take, and how much one address or one IPv6 network of them. */
export interface SharedLimit {
  readonly total: number;
  /** Leaves room for others. */
  readonly perAddress: number;
}

/** What clients have taken of a limit and not given back. */
export class AddressShares {
  #taken = 0;
  readonly #byAddress = new Map<string, number>();

  constructor(private readonly limit: SharedLimit) {}

  hasRoomFor(amount: number, address: string): boolean {
    const ofAddress = this.#byAddress.get(address) ?? 0;
    return this.#taken + amount <= this.limit.total && ofAddress + amount <= this.limit.perAddress;
  }

  take(amount: number, address: string): void {
    this.#taken += amount;
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + amount);
  }

  give(amount: number, address: string): void {
    this.#taken -= amount;
    const left = (this.#byAddress.get(address) ?? 0) - amount;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }
}
