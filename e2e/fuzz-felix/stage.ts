/** The needs of a run besides its cast: Services, accounts, and addresses. */
import type { Transport } from '../../src/cluster/http/transport.ts';
import { nodeAddress } from '../local/addresses.ts';
import { ACCOUNTS, NAMESPACES, NODES, OUTSIDE, type Cast } from './cast.ts';
import type { Addresses } from './packets.ts';
import { serviceObjects } from './services.ts';
import { createAll, type RoundObject } from './store.ts';

/** Writes what stays for the whole run. */
export async function addressesOf(cast: Cast, client: Transport): Promise<Addresses> {
  await createAll(client, [...serviceObjects(), ...dataplanes()]);
  for (const namespace of NAMESPACES) {
    for (const name of ACCOUNTS.filter((account) => account !== 'default')) {
      await client.request({
        method: 'POST',
        path: `/api/v1/namespaces/${namespace}/serviceaccounts`,
        body: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
      });
    }
  }
  for (const [index, { name }] of NODES.entries()) await tellInterfaces(client, name, index + 1);
  return { of: (name) => addressesOfName(cast, name) };
}

/** Felix's environment says the same here. */
export const dataplanes = (): readonly RoundObject[] =>
  NODES.map(({ name, dataplane }) => ({
    apiVersion: 'crd.projectcalico.org/v1',
    kind: 'FelixConfiguration',
    metadata: { name: `node.${name}` },
    spec: { nftablesMode: dataplane === 'nftables' ? 'Enabled' : 'Disabled' },
  }));

/** Does the same as calico-node. */
async function tellInterfaces(client: Transport, name: string, index: number): Promise<void> {
  const { v4, v6 } = nodeAddress(index);
  const interfaces = [{ name: 'eth0', addresses: [v4, v6] }];
  await client.request({
    method: 'PATCH',
    path: `/api/v1/nodes/${name}`,
    body: { metadata: { annotations: { 'projectcalico.org/Interfaces': JSON.stringify(interfaces) } } },
    contentType: 'application/merge-patch+json',
  });
}

function addressesOfName(cast: Cast, name: string): readonly string[] {
  const outside = OUTSIDE.find((each) => name === `outside ${each.name}`);
  return outside?.addresses ?? cast.endpoint(name).addresses;
}
