/** Promises for nodes that no sample of config shows. See samples.ts. */
import { inMode } from './changes.ts';
import { labelIngress, serveMetrics, showJoining } from './preparations.ts';
import { expectProtocols, expectRawPackets } from './raw-packets.ts';
import type { Sample } from './sample.ts';

export const DETAILS: readonly Sample[] = [
  {
    id: 'D19',
    title: 'zones, blocked sources, NodePorts and hostPorts at once, pods free to send',
    manifest: 'e2e/scenarios/manifests/whole-node-firewall.yaml',
    tables: {
      edge: `
                               6443 2379 2380 10250 10256 10257 10259 22 80 443 30080 30081 8443 8472/UDP 9999 9998/UDP
    world                         +    +    +     -     -     -     -  +  +   +     -     -    -        -    -        -
    world@link-local              +    +    +     -     -     -     -  +  +   +     .     .    .        -    -        -
    blocked                       +    +    +     -     -     -     -  +  -   -     -     -    -        -    -        -
    office                        +    +    +     -     -     -     -  +  +   +     +     +    +        -    -        -
    office@link-local             +    +    +     -     -     -     -  +  +   +     .     .    .        -    -        -
    trusted                       +    +    +     +     +     +     +  +  +   +     -     +    -        +    +        +
    trusted@link-local            +    +    +     -     -     -     -  +  +   +     .     .    .        -    -        -
    apiserver                     +    +    +     +     -     -     -  +  +   +     -     -    -        -    -        -
    apiserver/6                   +    +    +     -     -     -     -  +  +   +     -     -    -        -    -        -
    apiserver@link-local          +    +    +     -     -     -     -  +  +   +     .     .    .        -    -        -
    control                       +    +    +     +     +     -     -  +  +   +     +     +    +        +    +        +
    control@link-local            +    +    +     -     -     -     -  +  +   +     .     .    .        -    -        -
    worker                        +    +    +     -     +     -     -  +  +   +     +     +    +        +    +        +
    worker@link-local             +    +    +     -     -     -     -  +  +   +     .     .    .        -    -        -
    edge                          +    +    +     +     +     +     +  +  +   +     +     +    +        +    +        +
    edge@link-local               +    +    +     +     +     +     +  +  +   +     .     .    .        +    +        +
    tenant/on-worker              +    -    -     -     -     -     -  -  -   -     -     -    -        -    -        -
    tenant/on-worker@nic2         +    -    -     -     +     -     -  +  +   +     +     +    +        +    +        +
    tenant/on-control             +    -    -     -     -     -     -  -  -   -     -     -    -        -    -        -
    tenant/on-control@nic2        +    -    -     -     +     -     -  +  +   +     +     +    +        +    +        +
    tenant/on-edge                +    -    -     -     -     -     -  -  -   -     -     -    -        -    -        -
    tenant/on-edge@nic2           +    -    -     -     +     -     -  +  +   +     -     +    -        +    +        +
    kube-system/metrics           +    +    +     -     -     -     -  +  -   -     -     -    -        -    -        -
    kube-system/metrics@nic2      +    +    +     -     +     -     -  +  +   +     +     +    +        +    +        +`,
      control: `
                               6443 2379 2380 10250 10256 10257 10259 22 80 443 30080 30081      8472/UDP 9999 9998/UDP
    world                         +    +    +     -     -     -     -  +  -   -     -     -             -    -        -
    office                        +    +    +     -     -     -     -  +  -   -     +     +             -    -        -
    trusted                       +    +    +     +     +     +     +  +  +   +     +     +             +    +        +
    apiserver                     +    +    +     +     -     -     -  +  -   -     -     -             -    -        -
    apiserver/6                   +    +    +     -     -     -     -  +  -   -     -     -             -    -        -
    control                       +    +    +     +     +     +     +  +  +   +     +     +             +    +        +
    worker                        +    +    +     -     +     -     -  +  +   +     +     +             +    +        +
    edge                          +    +    +     -     +     -     -  +  +   +     +     +             +    +        +
    tenant/on-worker              +    -    -     -     -     -     -  -  -   -     -     -             -    -        -
    tenant/on-control             +    -    -     -     -     -     -  -  -   -     -     -             -    -        -`,
    },
  },
  {
    id: 'D20',
    title: 'what stops on nodes where no zone says otherwise',
    manifest: 'e2e/scenarios/manifests/nodes-without-zones.yaml',
    tables: {
      edge: `
                                   10250 9100 10256 8443 443
    kube-system/metrics              -    -     .    .   .
    kube-system/metrics@vip,nic2     .    .     .    .   .
    monitoring/prometheus            -    -     .    .   .
    monitoring/prometheus@vip,nic2   .    .     .    .   .
    office                           .    .     -    -   -`,
      worker: `
                                   10250 9100
    kube-system/metrics              -    -
    kube-system/metrics@vip,nic2     +    +
    monitoring/prometheus            -    -
    monitoring/prometheus@vip,nic2   -    +`,
    },
  },
  {
    id: 'D21',
    title: 'what opens it again: the baseline for metrics-server, zones, a rule with hostPorts',
    manifest: 'e2e/scenarios/manifests/nodes-reopened.yaml',
    prepare: serveMetrics,
    tables: {
      edge: `
                                   10250 9100 10256 8443 443
    kube-system/metrics              +    -     .    .   .
    kube-system/metrics@vip,nic2     .    .     .    .   .
    monitoring/prometheus            +    +     .    .   .
    monitoring/prometheus@vip,nic2   .    .     .    .   .
    tenant/on-edge                   -    -     .    .   .
    tenant/on-edge@vip,nic2          .    .     .    .   .
    office                           -    -     +    +   +
    world                            -    -     -    +   +`,
      worker: `
                                   10250 9100 10256 443
    kube-system/metrics              +    -     .    .
    kube-system/metrics@vip,nic2     +    +     .    .
    monitoring/prometheus            +    +     .    .
    tenant/on-worker                 -    -     .    .
    tenant/on-worker@vip,nic2        .    .     .    .
    office                           -    -     +    -`,
    },
  },
  {
    id: 'D40',
    title: 'the sample for platforms at nodes: the web on ingress nodes, and ports for what scrapes them',
    manifest: 'config/samples/platform.yaml',
    edit: inMode('Enforce'),
    prepare: labelIngress,
    tables: {
      edge: `
                                   80 443 9100 10250 10257 30080 8443 9999
    world                          +   +    -     -     -     -    -    -
    office                         +   +    -     -     -     -    -    -
    trusted                        +   +    -     -     -     -    -    -
    apiserver                      +   +    -     +     -     -    -    -
    apiserver/6                    +   +    -     -     -     -    -    -
    worker                         +   +    +     +     -     -    -    +
    monitoring/prometheus          -   -    +     +     -     -    -    -
    monitoring/prometheus@vip,nic2 -   -    -     -     -     -    -    -
    tenant/on-edge                 -   -    -     -     -     -    -    -
    tenant/on-worker               -   -    -     -     -     -    -    -
    kube-system/metrics            +   +    -     -     -     -    -    -
    kube-system/metrics@vip,nic2   +   +    +     +     -     -    -    +`,
      control: `
                                   80 443 9100 10250 10257 9999
    world                          -   -    -     -     -    -
    apiserver                      -   -    -     +     -    -
    apiserver/6                    -   -    -     -     -    -
    monitoring/prometheus          -   -    +     +     -    -
    tenant/on-control              -   -    -     -     -    -
    kube-system/metrics            -   -    -     -     -    -`,
    },
  },
  {
    id: 'D22',
    title: 'a zone on some nodes lets its pods through their own node, and into no other',
    manifest: 'e2e/scenarios/manifests/zone-on-the-way.yaml',
    tables: {
      edge: `
                                   9100 9999
    monitoring/prometheus             +    -
    monitoring/prometheus@vip,nic2    .    .
    kube-system/metrics               -    -
    kube-system/metrics@vip,nic2      .    .
    world                             -    -`,
      worker: `
                                   9100
    monitoring/prometheus             -
    monitoring/prometheus@vip,nic2    .`,
      control: `
                                   9100
    monitoring/prometheus             -
    monitoring/prometheus@vip,nic2    .`,
    },
  },
  {
    id: 'D24',
    title:
      'ports that nodes give to some: at an address that nobody listed pods reach no more than elsewhere',
    manifest: 'e2e/scenarios/manifests/unlisted-addresses.yaml',
    tables: {
      edge: `
                                   22 2379 2380 10250 10257 10259 9100 9999
    tenant/on-edge                  -    -    -     -     -     -    -    -
    tenant/on-edge@vip,nic2         -    -    -     -     -     -    -    +
    tenant/on-worker                -    -    -     -     -     -    -    -
    tenant/on-worker@vip,nic2       -    -    -     -     -     -    -    +
    monitoring/prometheus           -    -    -     -     -     -    +    -
    monitoring/prometheus@vip,nic2  -    -    -     -     -     -    +    +
    office                          +    +    +     -     -     -    -    -
    world                           +    +    +     -     -     -    -    -`,
      worker: `
                                   22 2379 2380 10250 10257 10259 9100 9999
    tenant/on-worker                -    -    -     -     -     -    -    -
    tenant/on-worker@vip,nic2       -    -    -     -     -     -    -    +
    monitoring/prometheus           -    -    -     -     -     -    +    -
    monitoring/prometheus@vip,nic2  -    -    -     -     -     -    +    +
    tenant/on-edge                  -    -    -     -     -     -    -    -
    tenant/on-edge@vip,nic2         -    -    -     -     -     -    -    +`,
    },
  },
  {
    id: 'D25',
    title: 'every IP protocol is policed, in both IP families',
    manifest: 'e2e/scenarios/manifests/nodes-protocols.yaml',
    also: expectProtocols,
    tables: {
      edge: `
                                   443 9999
    world                            -    -
    office                           +    -
    trusted                          +    +`,
    },
  },
  {
    id: 'D38',
    title:
      'openAt, addresses and Internet open at these nodes, at these addresses and to public addresses only',
    manifest: 'e2e/scenarios/manifests/nodes-at-some.yaml',
    tables: {
      edge: `
                                   9100 9999 30080 30081 8443
    internet                         +    -    -     -    -
    world                            -    -    -     -    -
    office                           -    -    +     -    +
    office@vip                       -    +    +     -    +`,
      worker: `
                                   9100 9999 30080
    internet                         +    -    -
    world                            -    -    -
    office                           -    -    -`,
    },
  },
  {
    id: 'D23',
    title: 'without ICMP nobody is answered but whom a zone allows everything, nor by SCTP',
    manifest: 'e2e/scenarios/manifests/nodes-without-icmp.yaml',
    also: expectRawPackets,
    tables: {
      edge: `
                                   443 9999
    world                            +    -
    trusted                          +    +`,
    },
  },
  {
    id: 'D30',
    title: 'a machine that joins reaches what joining needs, its neighbour nothing, and neither is a node',
    manifest: 'e2e/scenarios/manifests/machines-that-join.yaml',
    prepare: showJoining,
    tables: {
      edge: `
                                   6443 9345 5473 179 2379 10250 10256 22 443 30080 30081 8472/UDP 9999 9998/UDP
    joiner                           +    +    +   +    -     -     -  -   -     -     -        -    -        -
    neighbour                        -    -    -   -    -     -     -  -   -     -     -        -    -        -
    world                            -    -    -   -    -     -     -  -   -     -     -        -    -        -
    worker                           +    +    +   +    -     -     +  +   +     +     +        +    +        +
    tenant/on-worker                 +    -    -   -    -     -     -  -   -     -     -        -    -        -
    tenant/on-worker@vip,nic2        .    .    .   .    .     .     .  .   .     .     .        .    .        .`,
      control: `
                                   6443 9345 5473 179 2379 10250 10256 22 443 9999
    joiner                           +    +    +   +    -     -     -  -   -    -
    neighbour                        -    -    -   -    -     -     -  -   -    -`,
      worker: `
                                   6443 9345 5473 179 2379 10250 10256 22 443 9999
    joiner                           +    +    +   +    -     -     -  -   -    -
    neighbour                        -    -    -   -    -     -     -  -   -    -`,
    },
  },
];
