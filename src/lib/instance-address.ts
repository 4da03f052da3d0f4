/** Checks addresses that group members advertise: anyone who may join the group can write one. */

/** Characters. The longest host name has 253. */
const MAX_ADDRESS_LENGTH = 300;

/** The origin of the address; null unless it is http or https with only host and port. */
export function instanceAddress(address: string): string | null {
  if (address.length > MAX_ADDRESS_LENGTH || !/^https?:\/\/[^\s/@\\?#]+\/?$/i.test(address)) return null;
  return URL.canParse(address) ? new URL(address).origin : null;
}
