/** The addresses of the public Internet are all but these. */
import { type Cidr, parseCidr } from './cidr.ts';

/**
 * The rows of IANA's special-purpose registries whose Globally Reachable is False or N/A (iana-ipv4-special-registry,
 * iana-ipv6-special-registry, as of 2026-11), multicast, and 240.0.0.0/4. NAT64's 64:ff9b::/96 is reachable.
 */
export const NOT_INTERNET: readonly Cidr[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/127',
  '64:ff9b:1::/48',
  '100::/64',
  '100:0:0:1::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  '5f00::/16',
  'fc00::/7',
  'fe80::/10',
  'ff00::/8',
].map(parseCidr);
