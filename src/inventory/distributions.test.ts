import { expect, test } from '@jest/globals';
import { distributionsOf } from './distributions.ts';

test.each([
  ['nothing', {}, 'Ubuntu 24.04.3 LTS', []],
  ['a machine of a cloud', { 'node.kubernetes.io/instance-type': 'm5.large' }, undefined, []],
  ['k3s', { 'node.kubernetes.io/instance-type': 'k3s' }, undefined, ['k3s/RKE2']],
  ['RKE2', { 'node.kubernetes.io/instance-type': 'rke2' }, undefined, ['k3s/RKE2']],
  ['a member of etcd', { 'node-role.kubernetes.io/etcd': 'true' }, undefined, ['k3s/RKE2']],
  ['microk8s', { 'node.kubernetes.io/microk8s-controlplane': '' }, undefined, ['microk8s']],
  ['a worker of microk8s', { 'microk8s.io/cluster': 'true' }, undefined, ['microk8s']],
  ['k0s', { 'node.k0sproject.io/role': 'worker' }, undefined, ['k0s']],
  ['Talos', {}, 'Talos (v1.11.0)', ['Talos']],
  ['kOps', { 'kops.k8s.io/kops-controller-pki': '' }, undefined, ['kOps']],
  ['two', { 'kops.k8s.io/kops-controller-pki': '' }, 'Talos (v1.11.0)', ['Talos', 'kOps']],
  ['no text', {}, 5, []],
])('%s', (_, labels, osImage, distributions) => {
  expect(distributionsOf(labels, osImage)).toEqual(distributions);
});
