/**
 * The promises of the samples for nodes, by hand. Ports 22, 2379, 2380 and 6443 are Felix's failsafes. They
 * are open, whatever rules say, to everyone who reaches the node, and `status` names them. Pods of `tenant`,
 * `shop` and `monitoring` are under the default deny in both directions, unless the sample says otherwise.
 * Their traffic ends at them. Pods of kube-system are exempt.
 */
import { DETAILS } from './details.ts';
import { expectForgedLoopback } from './raw-packets.ts';
import type { Sample } from './sample.ts';
import type { Tables } from './matrix.ts';

export const SAMPLES: readonly Sample[] = [
  {
    id: 'S8',
    title: 'zone public: the world reaches ssh and the web on edge nodes',
    manifest: 'config/samples/s08-zone-public.yaml',
    tables: {
      edge: `
                               6443 2379 2380 10250 10256 10257 10259 22 80 443 30080 30081 8443 8472/UDP 9999 9998/UDP
    world                         +    +    +     -     -     -     -  +  +   +     -     -    -        -    -        -
    world@link-local              +    +    +     -     -     -     -  +  +   +     .     .    .        -    -        -
    office                        +    +    +     -     -     -     -  +  +   +     -     -    -        -    -        -
    trusted                       +    +    +     -     -     -     -  +  +   +     -     -    -        -    -        -
    apiserver                     +    +    +     +     -     -     -  +  +   +     -     -    -        -    -        -
    apiserver/6                   +    +    +     -     -     -     -  +  +   +     -     -    -        -    -        -
    apiserver@link-local          +    +    +     -     -     -     -  +  +   +     .     .    .        -    -        -
    control                       +    +    +     +     +     -     -  +  +   +     -     -    -        +    +        +
    control@link-local            +    +    +     -     -     -     -  +  +   +     .     .    .        -    -        -
    worker                        +    +    +     -     +     -     -  +  +   +     -     -    -        +    +        +
    worker@link-local             +    +    +     -     -     -     -  +  +   +     .     .    .        -    -        -
    edge                          +    +    +     +     +     +     +  +  +   +     +     -    +        +    +        +
    edge@link-local               +    +    +     +     +     +     +  +  +   +     .     .    .        +    +        +
    tenant/on-worker              -    -    -     -     -     -     -  -  -   -     -     -    -        -    -        -
    tenant/on-edge                -    -    -     -     -     -     -  -  -   -     -     -    -        -    -        -
    kube-system/metrics           +    +    +     -     -     -     -  +  +   +     -     -    -        -    -        -
    kube-system/metrics@vip,nic2  +    +    +     -     +     -     -  +  +   +     -     -    -        +    +        +`,
      control: `
                               6443 2379 2380 10250 10256 10257 10259 22 80 443 30080 30081      8472/UDP 9999 9998/UDP
    world                         +    +    +     -     -     -     -  +  -   -     -     -             -    -        -
    world@link-local              +    +    +     -     -     -     -  +  -   -     .     .             -    -        -
    apiserver                     +    +    +     +     -     -     -  +  -   -     -     -             -    -        -
    apiserver/6                   +    +    +     -     -     -     -  +  -   -     -     -             -    -        -
    worker                        +    +    +     -     +     -     -  +  +   +     -     -             +    +        +
    control                       +    +    +     +     +     +     +  +  +   +     -     -             +    +        +
    kube-system/metrics           +    +    +     -     -     -     -  +  -   -     -     -             -    -        -`,
    },
  },
  {
    id: 'S9',
    title:
      'zone trusted: hosts of a network reach everything; pods and nodes whose addresses lie in it do not',
    manifest: 'config/samples/s09-zone-trusted.yaml',
    tables: {
      edge: `
                               6443 2379 2380 10250 10256 10257 10259 22 80 443 30080 30081 8443 8472/UDP 9999 9998/UDP
    trusted                       +    +    +     +     +     +     +  +  +   +     -     -    -        +    +        +
    trusted/6                     +    +    +     -     -     -     -  +  -   -     -     -    -        -    -        -
    world                         +    +    +     -     -     -     -  +  -   -     -     -    -        -    -        -
    apiserver                     +    +    +     +     +     +     +  +  +   +     -     -    -        +    +        +
    apiserver/6                   +    +    +     -     -     -     -  +  -   -     -     -    -        -    -        -
    control                       +    +    +     +     +     -     -  +  +   +     -     -    -        +    +        +
    worker                        +    +    +     -     +     -     -  +  +   +     -     -    -        +    +        +
    tenant/on-worker              -    -    -     -     -     -     -  -  -   -     -     -    -        -    -        -
    tenant/on-edge                -    -    -     -     -     -     -  -  -   -     -     -    -        -    -        -
    kube-system/metrics           +    +    +     -     -     -     -  +  -   -     -     -    -        -    -        -
    kube-system/metrics@vip,nic2  +    +    +     -     +     -     -  +  +   +     -     -    -        +    +        +`,
    },
  },
  {
    id: 'S10',
    title: 'zone internal: an address in two zones has what either allows',
    manifest: 'config/samples/s10-zone-internal.yaml',
    tables: {
      edge: `
                               6443 10250 22 80 443 30080 30081 8443 9999 9998/UDP
    admin                         +     -  +  -   -     -     -    -    -        -
    office                        +     -  +  -   -     -     -    -    -        -
    world                         +     -  +  -   -     -     -    -    -        -`,
    },
  },
  {
    id: 'S11',
    title: 'the overlay passes between nodes; machines in nodeCIDRs reach what joining needs',
    manifest: 'config/samples/s11-overlay.yaml',
    tables: {
      edge: `
                               6443 10250 10256 10257 22 80 443 8472/UDP 9999 9998/UDP
    control                       +     +     +     -  +  +   +        +    +        +
    worker                        +     -     +     -  +  +   +        +    +        +
    apiserver                     +     +     -     -  +  -   -        -    -        -
    apiserver/6                   +     -     -     -  +  -   -        -    -        -
    joiner                        +     -     -     -  +  -   -        -    -        -
    world                         +     -     -     -  +  -   -        -    -        -
    trusted                       +     -     -     -  +  -   -        -    -        -
    kube-system/metrics           +     -     -     -  +  -   -        -    -        -
    kube-system/metrics@vip,nic2  +     -     +     -  +  +   +        +    +        +`,
    },
  },
  {
    id: 'S12',
    title: 'a hostPort by source, though it is translated first',
    manifest: 'config/samples/s12-host-port.yaml',
    prepare: (stage) =>
      stage.node('edge').mapHostPort({ hostPort: 443, port: 8080, pod: stage.endpoint('shop/proxy') }),
    tables: {
      edge: `
                               443 80 8443 9999
    world                        +  -    -    -
    world@vip,nic2               +  -    +    -
    world/6                      -  -    -    -
    office                       -  -    -    -
    trusted                      -  -    -    -
    kube-system/metrics          -  -    -    -
    kube-system/metrics@vip,nic2 -  +    -    +`,
    },
  },
  {
    id: 'S13',
    title: 'the ports of the control plane: by zone, for the control plane, for metrics of certain pods',
    manifest: 'config/samples/s13-control-plane.yaml',
    tables: {
      control: `
                               8443 6443 2379 2380 10250 9100 10257 10259 80 9999
    admin                         +    +    +    +     -    -     -     -  -    -
    office                        +    +    +    +     -    -     -     -  -    -
    office/6                      -    +    +    +     -    -     -     -  -    -
    world                         -    +    +    +     -    -     -     -  -    -
    apiserver                     +    +    +    +     +    -     -     -  -    -
    apiserver/6                   -    +    +    +     -    -     -     -  -    -
    worker                        +    +    +    +     +    +     -     -  +    +
    tenant/on-worker              -    -    -    -     -    -     -     -  -    -
    tenant/on-control             -    -    -    -     -    -     -     -  -    -
    monitoring/prometheus         -    -    -    -     +    +     -     -  -    -
    kube-system/metrics           +    +    +    +     -    -     -     -  -    -`,
      edge: `
                               10250 9100 10257 9999
    control                        +    +     -    +
    tenant/on-edge                 -    -     -    -
    monitoring/prometheus          +    +     -    -
    monitoring/prometheus@vip,nic2 -    -     -    -
    kube-system/metrics            -    -     -    -
    kube-system/metrics@vip,nic2   +    +     -    +`,
      worker: `
                               10250 9100 10257 9999
    monitoring/prometheus          +    +     -    -
    monitoring/prometheus@vip,nic2 -    -     -    -
    tenant/on-worker               -    -     -    -`,
    },
  },
  {
    id: 'S14',
    title: 'a NodePort by source, on every address of every node, whoever has the pod',
    manifest: 'config/samples/s14-node-ports.yaml',
    tables: {
      edge: `
                               30080 30081 8443 80 9999
    office                         +     -    -  -    -
    office/6                       -     -    -  -    -
    admin                          +     -    -  -    -
    world                          -     -    -  -    -
    trusted                        -     -    -  -    -
    apiserver                      -     -    -  -    -
    worker                         +     -    -  +    +
    tenant/on-worker               -     -    -  -    -
    kube-system/metrics            -     -    -  -    -
    kube-system/metrics@vip,nic2   +     -    -  +    +`,
      control: `
                               30080 30081
    office                         +     -
    office/6                       -     -
    admin                          +     -
    world                          -     -
    worker                         +     -
    tenant/on-control              -     -`,
      worker: `
                               30080 30081
    office                         +     -
    office/6                       -     -
    admin                          +     -
    world                          -     -
    tenant/on-worker               -     -`,
    },
  },
  {
    id: 'S17',
    title: 'a plain host firewall: ssh for everyone but who is blocked, on every address',
    manifest: 'config/samples/s17-host-firewall.yaml',
    also: expectForgedLoopback,
    tables: {
      edge: `
                               6443 2379 10250 10256 22 80 443 30080 30081 8443 8472/UDP 9999 9998/UDP
    world                         +    +     -     -  +  -   -     -     -    -        -    -        -
    world@link-local              +    +     -     -  +  -   -     .     .    .        -    -        -
    blocked                       +    +     -     -  +  -   -     -     -    -        -    -        -
    trusted                       +    +     -     -  +  -   -     -     -    -        -    -        -
    worker                        +    +     -     +  +  +   +     -     -    -        +    +        +
    edge                          +    +     +     +  +  +   +     +     -    +        +    +        +
    tenant/on-edge                -    -     -     -  -  -   -     -     -    -        -    -        -
    kube-system/metrics           +    +     -     -  +  -   -     -     -    -        -    -        -
    kube-system/metrics@vip,nic2  +    +     -     +  +  +   +     -     -    -        +    +        +`,
    },
  },
  ...DETAILS,
];

/** Without a firewall. */
export const OPEN: Tables = {
  edge: `
                               6443 2379 10250 22 443 30080 30081 8443 8472/UDP 9999 9998/UDP
    world                         +    +     +  +   +     +     +    +        +    +        +
    worker                        +    +     +  +   +     +     +    +        +    +        +
    tenant/on-worker              +    +     +  +   +     +     +    +        +    +        +
    tenant/on-edge                +    +     +  +   +     +     +    +        +    +        +`,
};
