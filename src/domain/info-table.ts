import type { Offset } from './events.js';
import { bytesOfConnection, bytesOfInfo, bytesOfLink } from './row-bytes.js';
import type { Connection, InfoRow, Link } from './rows.js';

/** Up to so many connections or links are looked through: nearly every company has fewer, and needs no maps. */
const FEW = 8;

/** Where each connection and link is: what is looked up by its id costs the same however many there are. */
class Places {
  readonly connections = new Map<string, number>();
  readonly links = new Map<string, number>();
  /** The links that have not ended, by the position of their connection. */
  readonly running = new Map<number, number[]>();

  constructor({ connections, links }: Pick<InfoRow, 'connections' | 'links'>) {
    for (const [at, { connectionId }] of connections.entries()) this.connections.set(connectionId, at);
    for (const [at, link] of links.entries()) this.addLink(link, at);
  }

  addLink({ linkId, connection, endedAt }: Link, at: number): void {
    this.links.set(linkId, at);
    if (endedAt !== null) return;
    const running = this.running.get(connection);
    if (running === undefined) this.running.set(connection, [at]);
    else running.push(at);
  }
}

/**
 * An info row that finds connections and links by their ids, and that the rules change in place. `CompanyRows.editInfo`
 * makes a copy before the first change of a batch, so that the row before it stays as it was.
 */
export class InfoTable implements InfoRow {
  clientId: string;
  companyName: string;
  readonly connections: Connection[];
  readonly links: Link[];
  /** Made when it is first needed. */
  #places: Places | null = null;
  /** Of the row without its names, which are set later. */
  #bytes: number;

  constructor(row: InfoRow | null) {
    this.clientId = row?.clientId ?? '';
    this.companyName = row?.companyName ?? '';
    this.connections = [...(row?.connections ?? [])];
    this.links = [...(row?.links ?? [])];
    this.#bytes = bytesOfInfo(this) - this.#nameBytes;
  }

  /** About how much memory this takes. */
  get bytes(): number {
    return this.#bytes + this.#nameBytes;
  }

  get #nameBytes(): number {
    return this.clientId.length + this.companyName.length;
  }

  /** A copy to be changed. From then on nothing may be looked up in this one. */
  successor(): InfoTable {
    const copy = new InfoTable(this);
    copy.#places = this.#places;
    return copy;
  }

  connectionAt(connectionId: string): number | undefined {
    if (this.connections.length > FEW) return this.#found().connections.get(connectionId);
    const at = this.connections.findIndex((connection) => connection.connectionId === connectionId);
    return at === -1 ? undefined : at;
  }

  linkAt(linkId: string): number | undefined {
    if (this.links.length > FEW) return this.#found().links.get(linkId);
    const at = this.links.findIndex((link) => link.linkId === linkId);
    return at === -1 ? undefined : at;
  }

  /** Positions of the links of a connection that have not ended. */
  runningLinksOf(connectionId: string): readonly number[] {
    const at = this.connectionAt(connectionId);
    if (at === undefined) return [];
    if (this.links.length > FEW) return this.#found().running.get(at) ?? [];
    return this.links.flatMap(({ connection, endedAt }, i) => (connection === at && endedAt === null ? [i] : []));
  }

  /** @returns the connection's position */
  nameConnection(connection: Connection): number {
    const known = this.connectionAt(connection.connectionId);
    const at = known ?? this.connections.length;
    this.connections[at] = connection;
    if (known !== undefined) return at;
    this.#bytes += bytesOfConnection(connection);
    this.#places?.connections.set(connection.connectionId, at);
    return at;
  }

  /** @returns the link's position */
  addLink(link: Link): number {
    const at = this.links.push(link) - 1;
    this.#bytes += bytesOfLink(link);
    this.#places?.addLink(link, at);
    return at;
  }

  sealLink(at: number): void {
    this.links[at] = { ...this.#link(at), sealed: true };
  }

  /** Ends every link of a connection that has not ended. */
  endLinksOf(connectionId: string, endedAt: Offset): void {
    for (const at of this.runningLinksOf(connectionId)) this.links[at] = { ...this.#link(at), endedAt };
    const connection = this.connectionAt(connectionId);
    if (connection !== undefined) this.#places?.running.delete(connection);
  }

  #found(): Places {
    return (this.#places ??= new Places(this));
  }

  #link(at: number): Link {
    const link = this.links[at];
    if (link === undefined) throw new RangeError(`there is no link ${at}`);
    return link;
  }
}
