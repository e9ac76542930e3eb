#!/bin/sh
# Names everything that this machine lacks, at once and before anything long. It is plain sh, because Node comes with `npm ci`.
#   prerequisites.sh npm       what every target needs
#   prerequisites.sh cluster   what the local cluster needs in addition
set -u
cd "$(dirname "$0")/.."
missing=
lacks() { missing="$missing
  - $1"; }
has() { command -v "$1" >/dev/null 2>&1; }
# at_least HAVE WANT, as versions
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

has npm || lacks 'npm: it installs the packages, Node 24 among them (apt-get install npm, or https://nodejs.org)'

if [ "${1:-npm}" = cluster ]; then
  PATH="$PATH:/usr/local/go/bin:/usr/local/sbin:/usr/sbin:/sbin"
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64 | Linux-aarch64) ;;
    *) lacks 'Linux on x86-64 or arm64: the cluster consists of network namespaces' ;;
  esac
  if [ "$(id -u)" != 0 ]; then
    lacks 'root: the cluster needs network namespaces and packet filters (run it with sudo)'
  elif has unshare && ! unshare --net true 2>/dev/null; then
    lacks 'the right to make network namespaces (CAP_SYS_ADMIN; in a container: --privileged)'
  fi
  # Built programs are cached by the hash of go.mod. This is only a first check; e2e/local checks closely.
  cache="${XDG_CACHE_HOME:-$HOME/.cache}/clusterfirewall"
  want=$(sed -n 's/^go //p' e2e/*/*/go.mod | sort -V | tail -n 1)
  if has go; then
    have=$(cd / && GOTOOLCHAIN=local go env GOVERSION | sed 's/^go//')
    at_least "$have" "$want" || lacks "Go $want or newer (this is $have): https://go.dev/dl"
  elif [ -z "$(find "$cache" -name kube-apiserver 2>/dev/null)" ] || [ -z "$(find "$cache" -name calico-felix 2>/dev/null)" ]; then
    lacks "Go $want or newer: Kubernetes and Calico are built from source (https://go.dev/dl)"
  fi
  if ! has apt-get; then
    tools=
    for tool in iptables ip6tables ipset conntrack ip nft; do has "$tool" || tools="$tools $tool"; done
    [ -z "$tools" ] || lacks "the commands$tools (Debian's packages iptables ipset conntrack iproute2 nftables)"
  fi
fi

[ -z "$missing" ] && exit 0
echo "Cannot go on. This machine lacks:$missing" >&2
[ "${1:-npm}" = cluster ] && echo 'The unit tests (make unit) and the command line need only npm.' >&2
exit 1
