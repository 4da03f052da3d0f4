/**
 * A network in which a broker can lose its peers and keep its clients, of Linux network namespaces:
 *
 *   this process ── clients' link of broker n ── [namespace of broker n] ── peers' link ── [namespace `switch`: a bridge]
 *
 * Clients are here, in the namespace of this process, and reach each broker over a link of its own. Brokers and their
 * controllers reach each other through the switch alone. To cut a broker off, its link is removed from the switch. Then
 * no packet passes in either direction, and no process is notified, as if a cable were pulled. To cut two brokers apart,
 * each gets a wrong link address of the other: the switch drops what they send each other, and nothing else.
 */
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { isAlive } from './cluster-folder.js';
import type { BrokerPlace } from './jar-cluster.js';

/** The name of a namespace is this prefix, the process id of its owner, a dash and its purpose. */
const PREFIX = 'company-sync-';
const BRIDGE = 'peers';
/** Only these brokers are in these namespaces, so all networks can use the same ports. */
const CLIENT_PORT = 9092;
const PEER_PORT = 9093;
const CONTROLLER_PORT = 9094;
/** No link has this address. */
const NOBODY = '02:00:00:00:00:00';
/** The number of attempts: two networks that are created at the same time may choose the same addresses. */
const MAX_ATTEMPTS = 5;

export class BrokerNetwork {
  readonly #number: number;
  readonly #brokers: number;
  /** The clients' ends of the links that were created so far. */
  readonly #links: string[] = [];

  private constructor(number: number, brokers: number) {
    this.#number = number;
    this.#brokers = brokers;
  }

  /** Why no network can be created on this machine; null if it can. */
  static unavailable(): string | null {
    const name = `${PREFIX}${process.pid}-probe`;
    try {
      ip('netns', 'add', name);
      ip('netns', 'del', name);
      return null;
    } catch (error) {
      return `no network namespace can be made here: ${(error as Error).message}`;
    }
  }

  /** Creates the network for brokers 1 to `brokers`. Call `remove` once the brokers are down. */
  static create(brokers: number): BrokerNetwork {
    removeLeftovers();
    for (let tries = 1; ; tries++) {
      const network = new BrokerNetwork(randomInt(256), brokers);
      try {
        network.#make();
        return network;
      } catch (error) {
        network.remove();
        if (tries === MAX_ATTEMPTS) throw error;
      }
    }
  }

  /** The namespaces and addresses of the brokers, in the order of their ids. */
  get places(): BrokerPlace[] {
    return this.#ids.map((id) => ({
      within: ['ip', 'netns', 'exec', namespace(`broker-${id}`)],
      addresses: {
        client: `${this.#address(id, 'broker')}:${CLIENT_PORT}`,
        peers: `${peerAddress(id)}:${PEER_PORT}`,
        controller: `${peerAddress(id)}:${CONTROLLER_PORT}`,
      },
    }));
  }

  /** From now on no packet passes between this broker and the others, including their controllers. */
  cutOff(id: number): void {
    ip('-n', namespace('switch'), 'link', 'set', `broker-${id}`, 'nomaster');
  }

  /** Undoes `cutOff`. Earlier connections continue when TCP sends again, which may take some seconds. */
  heal(id: number): void {
    ip('-n', namespace('switch'), 'link', 'set', `broker-${id}`, 'master', BRIDGE);
  }

  /** From now on no packet passes between these two brokers, or their controllers. Both still reach the others. */
  cutApart(one: number, other: number): void {
    for (const [from, to] of directions(one, other))
      ip('-n', from, 'neigh', 'replace', to, 'lladdr', NOBODY, 'dev', 'peers', 'nud', 'permanent');
  }

  /** Undoes `cutApart`. */
  joinAgain(one: number, other: number): void {
    for (const [from, to] of directions(one, other)) ip('-n', from, 'neigh', 'del', to, 'dev', 'peers');
  }

  /**
   * After its removal, a namespace continues to exist, without a name, while TCP tries to end connections of killed
   * brokers.
   */
  remove(): void {
    for (const link of this.#links.splice(0)) ip('link', 'del', link);
    const own = namespaces().filter((name) => name.startsWith(namespace('')));
    for (const name of own) ip('netns', 'del', name);
  }

  get #ids(): number[] {
    return Array.from({ length: this.#brokers }, (_, index) => index + 1);
  }

  #make(): void {
    const hub = namespace('switch');
    ip('netns', 'add', hub);
    ip('-n', hub, 'link', 'add', BRIDGE, 'type', 'bridge');
    ip('-n', hub, 'link', 'set', BRIDGE, 'up');
    for (const id of this.#ids) this.#connect(id, hub);
  }

  #connect(id: number, hub: string): void {
    const broker = namespace(`broker-${id}`);
    const toClients = `csync${this.#number}-${id}`;
    ip('netns', 'add', broker);
    ip('-n', broker, 'link', 'set', 'lo', 'up');

    // Fails if another network has this number.
    ip('link', 'add', toClients, 'type', 'veth', 'peer', 'name', 'clients', 'netns', broker);
    this.#links.push(toClients);
    ip('addr', 'add', `${this.#address(id, 'clients')}/30`, 'dev', toClients);
    ip('link', 'set', toClients, 'up');
    ip('-n', broker, 'addr', 'add', `${this.#address(id, 'broker')}/30`, 'dev', 'clients');
    ip('-n', broker, 'link', 'set', 'clients', 'up');

    ip('-n', hub, 'link', 'add', `broker-${id}`, 'type', 'veth', 'peer', 'name', 'peers', 'netns', broker);
    ip('-n', hub, 'link', 'set', `broker-${id}`, 'master', BRIDGE, 'up');
    ip('-n', broker, 'addr', 'add', `${peerAddress(id)}/24`, 'dev', 'peers');
    ip('-n', broker, 'link', 'set', 'peers', 'up');
  }

  /** The address of one end of a broker's link to its clients. Each link is a network of its own. */
  #address(id: number, end: 'clients' | 'broker'): string {
    return `10.231.${this.#number}.${4 * id + (end === 'clients' ? 1 : 2)}`;
  }
}

/** The same in every network, because these addresses are not visible outside of it. */
function peerAddress(id: number): string {
  return `10.232.0.${id}`;
}

/** The namespace of each broker, with the address of the other one. */
function directions(one: number, other: number): [from: string, to: string][] {
  return [
    [namespace(`broker-${one}`), peerAddress(other)],
    [namespace(`broker-${other}`), peerAddress(one)],
  ];
}

function namespace(what: string): string {
  return `${PREFIX}${process.pid}-${what}`;
}

function namespaces(): string[] {
  const lines = ip('netns', 'list').split('\n');
  return lines.map((line) => line.split(' ')[0] ?? '').filter((name) => name.startsWith(PREFIX));
}

/** Removes the namespaces that killed owners have left. */
function removeLeftovers(): void {
  for (const name of namespaces()) {
    const owner = Number(name.slice(PREFIX.length).split('-')[0]);
    if (!isAlive(owner)) ip('netns', 'del', name);
  }
}

/** @returns the standard output */
function ip(...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' });
  if (error !== undefined) throw new Error(`ip could not be run: ${error.message}`, { cause: error });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr.trim()}`);
  return stdout;
}
