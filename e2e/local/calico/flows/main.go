// Calico's own reader of flow logs, which calico-node runs for `calico-node -flows N`. This one never ends.
package main

import "github.com/projectcalico/calico/node/pkg/flowlogs"

func main() { flowlogs.RunFlowsCmd(-1) }
