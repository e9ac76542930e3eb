/**
 * The promises of by-hand.ts. Ports 22, 2379, 2380 and 6443 are Felix's failsafes, which are open to all
 * sources that are not stopped before they reach the node. The addresses vip and nic2 are in no set.
 */
import type { Tables } from './matrix.ts';

export const TABLES: Tables = {
  edge: `
                               6443 2379 2380 10250 10256 10257 10259 22 80 443 30080 30081 8443 8472/UDP 9999 9998/UDP
    world                         +    +    +     -     -     -     -  +  +   +     -     -    -        -    -        -
    world@link-local              +    +    +     -     -     -     -  +  +   +     .     .    .        -    -        -
    office                        +    +    +     -     -     -     -  +  +   +     +     +    +        -    -        -
    office@link-local             +    +    +     -     -     -     -  +  +   +     .     .    .        -    -        -
    trusted                       +    +    +     +     +     +     +  +  +   +     -     +    -        +    +        +
    trusted@link-local            +    +    +     -     -     -     -  +  +   +     .     .    .        -    -        -
    apiserver                     +    +    +     +     -     +     +  +  +   +     -     -    -        -    -        -
    apiserver/6                   +    +    +     -     -     -     -  +  +   +     -     -    -        -    -        -
    apiserver@link-local          +    +    +     -     -     -     -  +  +   +     .     .    .        -    -        -
    control                       +    +    +     +     +     +     +  +  +   +     +     +    +        +    +        +
    control@link-local            +    +    +     -     -     -     -  +  +   +     .     .    .        -    -        -
    worker                        +    +    +     -     +     -     -  +  +   +     +     +    +        +    +        +
    worker@link-local             +    +    +     -     -     -     -  +  +   +     .     .    .        -    -        -
    edge                          +    +    +     +     +     +     +  +  +   +     +     +    +        +    +        +
    edge@link-local               +    +    +     +     +     +     +  +  +   +     .     .    .        +    +        +
    tenant/on-worker              +    -    -     -     -     -     -  +  -   -     -     -    -        -    -        -
    tenant/on-worker@vip,nic2     +    +    +     -     +     -     -  +  +   +     +     +    +        +    +        +
    tenant/on-control             +    -    -     -     -     -     -  +  -   -     -     -    -        -    -        -
    tenant/on-control@vip,nic2    +    +    +     +     +     +     +  +  +   +     +     +    +        +    +        +
    tenant/on-edge                +    -    -     -     -     -     -  +  -   -     -     -    -        -    -        -
    tenant/on-edge@vip,nic2       +    +    +     +     +     +     +  +  +   +     -     +    -        +    +        +
    kube-system/metrics           +    +    +     -     -     -     -  +  -   -     -     -    -        -    -        -
    kube-system/metrics@vip,nic2  +    +    +     -     +     -     -  +  +   +     +     +    +        +    +        +`,
  control: `
                               6443 2379 2380 10250 10256 10257 10259 22 80 443 30080 30081      8472/UDP 9999 9998/UDP
    world                         +    +    +     -     -     -     -  +  -   -     -     -             -    -        -
    office                        +    +    +     -     -     -     -  +  -   -     +     +             -    -        -
    trusted                       +    +    +     +     +     +     +  +  +   +     +     +             +    +        +
    apiserver                     +    +    +     +     -     +     +  +  -   -     -     -             -    -        -
    apiserver/6                   +    +    +     -     -     -     -  +  -   -     -     -             -    -        -
    control                       +    +    +     +     +     +     +  +  +   +     +     +             +    +        +
    worker                        +    +    +     -     +     -     -  +  +   +     +     +             +    +        +
    edge                          +    +    +     -     +     -     -  +  +   +     +     +             +    +        +
    tenant/on-worker              +    -    -     -     -     -     -  +  -   -     -     -             -    -        -
    tenant/on-control             +    -    -     -     -     -     -  +  -   -     -     -             -    -        -`,
};
