import { advertisedAddress } from '../../../src/ops/advertised-address.js';

const address = (family: 'IPv4' | 'IPv6', ip: string, internal: boolean) => {
  const common = { address: ip, netmask: '', mac: '', internal, cidr: null };
  return family === 'IPv6' ? { ...common, family, scopeid: 0 } : { ...common, family };
};
const loopback = [address('IPv4', '127.0.0.1', true), address('IPv6', '::1', true)];

test.each([
  ['what it listens on alone', '10.1.2.3', 'http://10.1.2.3:8080', 'http://10.1.2.3:8080'],
  ['the IPv4 address of the machine', '0.0.0.0', 'http://127.0.0.1:8080', 'http://10.0.0.7:8080'],
  ['the same where it listens on IPv6 too', '::', 'http://[::1]:8080', 'http://10.0.0.7:8080'],
])('%s', (_, host, listening, advertised) => {
  const eth0 = [address('IPv6', 'fe80::1', false), address('IPv4', '10.0.0.7', false)];
  expect(advertisedAddress(host, listening, { lo: loopback, eth0 })).toBe(advertised);
});

test('a machine with only IPv6 advertises its IPv6 address', () => {
  const eth0 = [address('IPv6', 'fd00::7', false)];
  expect(advertisedAddress('::', 'http://[::1]:8080', { lo: loopback, eth0 })).toBe('http://[fd00::7]:8080');
});

test('a machine without a network advertises loopback', () => {
  expect(advertisedAddress('0.0.0.0', 'http://127.0.0.1:8080', { lo: loopback })).toBe('http://127.0.0.1:8080');
});
