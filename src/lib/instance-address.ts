/** Addresses of instances as members of the group advertise them: anyone who may join the group writes them. */

/** Characters. The longest host name has 253. */
const MAX_ADDRESS_LENGTH = 300;

/** The origin that the address names; null unless it is http or https with host and port alone. */
export function instanceAddress(address: string): string | null {
  if (address.length > MAX_ADDRESS_LENGTH || !/^https?:\/\/[^\s/@\\?#]+\/?$/i.test(address)) return null;
  return URL.canParse(address) ? new URL(address).origin : null;
}
