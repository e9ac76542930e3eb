import { describe, expect, test } from '@jest/globals';
import { compiled, guardOf, rulesOf } from '../testing/compiled-nodes.ts';
import { cluster } from '../testing/inventories.ts';
import type { Inventory } from '../../inventory/types.ts';

describe('identity behind NAT', () => {
  test('ports that only the control plane reaches are refused to every pod that is not exempt', () => {
    expect(guardOf(compiled({}))).toEqual([
      [
        'all()',
        [
          ['TCP', ['2379:2380']],
          ['TCP', [10250, 10257, 10259]],
        ],
      ],
    ]);
  });

  test('a port that a zone gives to every pod is refused to none', () => {
    const zones = [{ name: 'z', from: [{ entity: 'Pods' as const }], allow: { ports: ['10250-10256'] } }];
    expect(guardOf(compiled({ zones }))).toEqual([
      [
        'all()',
        [
          ['TCP', ['2379:2380']],
          ['TCP', [10257, 10259]],
        ],
      ],
    ]);
  });

  test('pods that may reach everything do not restrict others, and pass where others do not', () => {
    const peers = [{ name: 'agents', pods: { namespaceSelector: { matchLabels: { role: 'agents' } } } }];
    const zones = [{ name: 'z', from: [{ peer: 'agents' }], allow: { all: true as const } }];
    expect(guardOf(compiled({ zones }, { peers }))).toEqual([
      [
        "pcns.role != 'agents'",
        [
          ['TCP', ['2379:2380']],
          ['TCP', [10250, 10257, 10259]],
        ],
      ],
    ]);
  });

  test('with more pods than a selector holds is a problem of the zones', () => {
    const peers = Array.from({ length: 40 }, (_, index) => ({
      name: `peer-${String(index)}`,
      pods: { namespaceSelector: { matchLabels: { role: `${'long-'.repeat(9)}${String(index)}` } } },
    }));
    const from = peers.map(({ name }) => ({ peer: name }));
    const { problems } = compiled({ zones: [{ name: 'z', from, allow: { ports: [9100] } }] }, { peers });
    expect(problems).toMatchObject([
      { reason: 'SelectorTooLong', rule: 'default/nodes/pods', path: 'spec.nodes.zones' },
    ]);
  });

  test('metrics-server reaches kubelets, and konnectivity does as the control plane', () => {
    const inventory: Inventory = {
      ...cluster,
      apiServerBackends: [
        {
          namespace: 'kube-system',
          service: 'metrics-server',
          port: 443,
          because: 'APIService/v1beta1.metrics.k8s.io',
        },
      ],
      services: [
        {
          namespace: 'kube-system',
          name: 'metrics-server',
          selector: { 'k8s-app': 'metrics-server' },
          clusterIPs: [],
          ports: [{ protocol: 'TCP', port: 443, targetPort: 10250 }],
        },
        // Neither is behind the metrics API.
        { namespace: 'blog', name: 'metrics-server', selector: { app: 'blog' }, clusterIPs: [], ports: [] },
        { namespace: 'kube-system', name: 'kube-dns', selector: { app: 'dns' }, clusterIPs: [], ports: [] },
      ],
    };
    const peers = [
      { name: 'konnectivity', pods: { namespaceSelector: { matchLabels: { tunnel: 'true' } } } },
    ];
    const compilation = compiled({ controlPlane: [{ peer: 'konnectivity' }] }, { inventory, peers });
    expect(
      rulesOf(compilation, 'default/nodes/baseline/metrics-server', 'host').map(
        ({ source }) => source?.selector,
      ),
    ).toEqual([
      "k8s-app == 'metrics-server' && projectcalico.org/namespace == 'kube-system' && projectcalico.org/orchestrator == 'k8s'",
      "!has(projectcalico.org/created-by) && clusterfirewall.io/set == 'nodes'",
    ]);
    expect(guardOf(compilation)).toEqual([
      [
        'all()',
        [
          ['TCP', ['2379:2380']],
          ['TCP', [10257, 10259]],
        ],
      ],
      [
        "!(k8s-app == 'metrics-server' && projectcalico.org/namespace == 'kube-system' || pcns.tunnel == 'true')",
        [['TCP', [10250]]],
      ],
    ]);
  });
});
