#!/bin/sh
# What sample s17 says, for a node of the local cluster, by hand.
# Left out: what is translated or routed (NodePorts, hostPorts, whatever the node forwards: it never comes by INPUT), pods that reach other
# nodes with their own node's address, the failsafes, and everything that has to change when a node joins or leaves.
set -eu

ipset create nodes4 hash:ip
ipset create nodes6 hash:ip family inet6
ipset create control4 hash:ip
ipset create control6 hash:ip family inet6
for each in 10.99.0.11 10.99.0.12; do ipset add nodes4 "$each"; done
for each in fd00:99::11 fd00:99::12; do ipset add nodes6 "$each"; done
for each in 10.99.0.1 10.99.0.11; do ipset add control4 "$each"; done
for each in fd00:99::1 fd00:99::11; do ipset add control6 "$each"; done

# Arguments: the program, the family, what pods have.
allow() {
  program=$1 family=$2 pods=$3
  input() { "$program" -A INPUT "$@"; }
  from_nodes() { input -m set --match-set "nodes$family" src "$@" -j ACCEPT; }
  from_control() { input -m set --match-set "control$family" src "$@" -j ACCEPT; }

  input -p udp -m multiport --dports 67,68,546 -j ACCEPT
  for source in nodes control; do
    input -p tcp --dport 6443 -m set --match-set "$source$family" src -j ACCEPT
  done
  input -s "$pods" -p tcp --dport 6443 -j ACCEPT
  from_control -p tcp -m multiport --dports 2379,2380,10250
  from_nodes -p tcp -m multiport ! --dports 2379,2380,10250,10257,10259
  from_nodes -p udp
  from_nodes -p sctp
  input -p udp --dport 4789 -j ACCEPT
  input -s "$pods" -p tcp --dport 53 -j ACCEPT
  input -s "$pods" -p udp --dport 53 -j ACCEPT
  input -p tcp --dport 22 -j ACCEPT
  for protocol in tcp udp sctp; do input -p "$protocol" -j DROP; done
}

begin() {
  "$1" -A INPUT -i lo -j ACCEPT
  "$1" -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
  "$1" -A INPUT -m conntrack --ctstate INVALID -j DROP
}

begin iptables-nft
iptables-nft -A INPUT -s 192.0.2.0/24 -j DROP
iptables-nft -A INPUT -s 127.0.0.0/8 -j DROP
iptables-nft -A INPUT -p icmp -j ACCEPT
allow iptables-nft 4 10.244.0.0/16

begin ip6tables-nft
ip6tables-nft -A INPUT -s ::1/128 -j DROP
ip6tables-nft -A INPUT -p icmpv6 -j ACCEPT
allow ip6tables-nft 6 fd00:244::/48
