/**
 * Runs in the network of a forger, under Node.js. It sends a VXLAN packet (RFC 7348) to a node. The packet
 * contains a datagram from an address of the forger to a pod that echoes datagrams. It prints whether the
 * answer came: `answered` or `silence`. IPv4. Arguments: the node's address, the MAC address of its tunnel,
 * the pod's address and port, the forger's address.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const [node = '', mac = '', pod = '', port = '', self = ''] = process.argv.slice(2);
const ANSWERS_AT = 34_567;
const VXLAN_PORT = 4789;
/** Felix's own number (FelixConfiguration, vxlanVNI). */
const VNI = 4096;
const WITHIN = 1500;

const address = (text: string): readonly number[] => text.split('.').map(Number);
const word = (value: number): readonly number[] => [value >> 8, value & 0xff];

function checksum(header: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < header.length; i += 2) sum += ((header[i] ?? 0) << 8) + (header[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

function datagram(text: string): readonly number[] {
  const body = [...Buffer.from(text)];
  // UDP's own checksum may be 0 in IPv4, which means "not computed".
  const udp = [...word(ANSWERS_AT), ...word(Number(port)), ...word(8 + body.length), ...word(0), ...body];
  const start = [0x45, 0, ...word(20 + udp.length), 0, 0, 0x40, 0, 64, 17];
  const ends = [...address(self), ...address(pod)];
  return [...start, ...word(checksum([...start, 0, 0, ...ends])), ...ends, ...udp];
}

const to = mac.split(':').map((each) => Number.parseInt(each, 16));
const ethernet = [...to, 0x02, 0, 0, 0, 0, 1, 0x08, 0x00, ...datagram('forged')];
const vxlan = Buffer.from([0x08, 0, 0, 0, 0, ...word(VNI), 0, ...ethernet]);

const answers = createSocket('udp4');
answers.bind(ANSWERS_AT);
await once(answers, 'listening');
const sender = createSocket('udp4');
sender.send(vxlan, VXLAN_PORT, node);
const timer = setTimeout(() => {
  end('silence');
}, WITHIN);
answers.once('message', () => {
  end('answered');
});

function end(what: string): void {
  clearTimeout(timer);
  process.stdout.write(what);
  answers.close();
  sender.close();
}
