import type { Offset } from './events.js';
import { bytesOfConnection, bytesOfInfo, bytesOfLink } from './row-bytes.js';
import type { Connection, InfoRow, Link } from './rows.js';

/**
 * Up to this many connections or links, a table searches its lists. Nearly every company has fewer and needs no maps.
 */
const FEW = 8;

/** The position of each connection and link. A lookup by id costs the same however many there are. */
class PositionsById {
  readonly connections = new Map<string, number>();
  readonly links = new Map<string, number>();
  /** Positions of the links that have not ended, by the position of their connection. */
  readonly running = new Map<number, number[]>();

  constructor({ connections, links }: Pick<InfoRow, 'connections' | 'links'>) {
    for (const [position, { connectionId }] of connections.entries()) this.connections.set(connectionId, position);
    for (const [position, link] of links.entries()) this.addLink(link, position);
  }

  addLink({ linkId, connection, endedAt }: Link, position: number): void {
    this.links.set(linkId, position);
    if (endedAt !== null) return;
    const running = this.running.get(connection);
    if (running === undefined) this.running.set(connection, [position]);
    else running.push(position);
  }
}

/**
 * An info row that finds connections and links by id, and that the rules change in place. `CompanyRows.editInfo` copies
 * it before the first change of a batch, so the earlier row stays unchanged.
 */
export class InfoTable implements InfoRow {
  clientId: string;
  companyName: string;
  readonly connections: Connection[];
  readonly links: Link[];
  /** Created at the first lookup that needs it. */
  #positions: PositionsById | null = null;
  /** The bytes of the row without its names, which are set later. */
  #bytes: number;

  constructor(row: InfoRow | null) {
    this.clientId = row?.clientId ?? '';
    this.companyName = row?.companyName ?? '';
    this.connections = [...(row?.connections ?? [])];
    this.links = [...(row?.links ?? [])];
    this.#bytes = bytesOfInfo(this) - this.#nameBytes;
  }

  /** The approximate memory that the table takes. */
  get bytes(): number {
    return this.#bytes + this.#nameBytes;
  }

  get #nameBytes(): number {
    return this.clientId.length + this.companyName.length;
  }

  /** Returns a copy that may be changed. After this call, look nothing up in the original. */
  editableCopy(): InfoTable {
    const copy = new InfoTable(this);
    copy.#positions = this.#positions;
    return copy;
  }

  connectionAt(connectionId: string): number | undefined {
    if (this.connections.length > FEW) return this.#positionsById().connections.get(connectionId);
    const position = this.connections.findIndex((connection) => connection.connectionId === connectionId);
    return position === -1 ? undefined : position;
  }

  linkAt(linkId: string): number | undefined {
    if (this.links.length > FEW) return this.#positionsById().links.get(linkId);
    const position = this.links.findIndex((link) => link.linkId === linkId);
    return position === -1 ? undefined : position;
  }

  /** Positions of the links of a connection that have not ended. */
  runningLinksOf(connectionId: string): readonly number[] {
    const position = this.connectionAt(connectionId);
    if (position === undefined) return [];
    if (this.links.length > FEW) return this.#positionsById().running.get(position) ?? [];
    return this.links.flatMap(({ connection, endedAt }, i) => (connection === position && endedAt === null ? [i] : []));
  }

  /** @returns the connection's position */
  nameConnection(connection: Connection): number {
    const known = this.connectionAt(connection.connectionId);
    const position = known ?? this.connections.length;
    this.connections[position] = connection;
    if (known !== undefined) return position;
    this.#bytes += bytesOfConnection(connection);
    this.#positions?.connections.set(connection.connectionId, position);
    return position;
  }

  /** @returns the link's position */
  addLink(link: Link): number {
    const position = this.links.push(link) - 1;
    this.#bytes += bytesOfLink(link);
    this.#positions?.addLink(link, position);
    return position;
  }

  sealLink(position: number): void {
    this.links[position] = { ...this.#link(position), sealed: true };
  }

  /** Ends every link of a connection that has not ended yet. */
  endLinksOf(connectionId: string, endedAt: Offset): void {
    for (const position of this.runningLinksOf(connectionId))
      this.links[position] = { ...this.#link(position), endedAt };
    const connection = this.connectionAt(connectionId);
    if (connection !== undefined) this.#positions?.running.delete(connection);
  }

  #positionsById(): PositionsById {
    return (this.#positions ??= new PositionsById(this));
  }

  #link(position: number): Link {
    const link = this.links[position];
    if (link === undefined) throw new RangeError(`link ${position} does not exist`);
    return link;
  }
}
