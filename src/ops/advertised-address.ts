/** The address at which other instances reach this one over HTTP. */
import type { NetworkInterfaceInfo } from 'node:os';

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

const ALL_ADDRESSES: readonly string[] = ['0.0.0.0', '::'];

/**
 * The address on which the instance listens. If that is every address of the machine, the first address that is
 * reachable from outside, IPv4 before IPv6.
 *
 * @param host as configured
 * @param listening such as `http://127.0.0.1:8080`, which a listener on every address reports too
 */
export function advertisedAddress(host: string, listening: string, interfaces: Interfaces): string {
  if (!ALL_ADDRESSES.includes(host)) return listening;
  const outside = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal }) => !internal);
  const chosen = outside.find(({ family }) => family === 'IPv4') ?? outside[0];
  if (chosen === undefined) return listening;
  const { protocol, port } = new URL(listening);
  const hostname = chosen.family === 'IPv6' ? `[${chosen.address}]` : chosen.address;
  return `${protocol}//${hostname}${port === '' ? '' : `:${port}`}`;
}
