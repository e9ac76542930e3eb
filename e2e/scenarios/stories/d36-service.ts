import { waitFor } from '../../wait.ts';
import { conditions, program } from '../../harness/firewall.ts';
import { allowed, refused } from '../../harness/rows.ts';
import { CALICO } from '../../harness/paths.ts';
import type { Stage } from '../../harness/pods-stage.ts';
import { expectTable } from '../../harness/sweep.ts';
import { betweenOpen, readManifest, type Story } from '../story.ts';

const NAMESPACES = ['wordpress', 'blog-a', 'blog-b', 'mallory'] as const;

/** Its port 5432 is no pod's. */
const database = (namespace: string, selector?: object, targetPort = 3306): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace, name: 'database' },
  spec: {
    clusterIP: 'None',
    ...(selector !== undefined && { selector }),
    ports: [{ port: 5432, targetPort }],
  },
});

/** It claims to be behind the Service. Calico's own match of Services would believe it. */
const claimed = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: {
    namespace: 'wordpress',
    name: 'forged',
    labels: { 'kubernetes.io/service-name': 'database' },
  },
  addressType: 'IPv4',
  endpoints: [{ addresses: ['203.0.113.10'] }],
  ports: [
    { name: 'db', port: 3306 },
    { name: 'web', port: 80 },
  ],
};

const OTHERS = [
  ...refused(['shop/front'], ['wordpress/db'], [3306]),
  ...refused(['shop/cart'], ['outside/web'], [3306, 80]),
  ...refused(['shop/cart'], ['mallory/nodes', 'mallory/big'], [80]),
  ...refused(['shop/cart'], ['blog-a/db'], [3306]),
  // Each tenant's own.
  ...allowed(['blog-a/wp'], ['blog-a/db'], [3306]),
  ...refused(['blog-a/wp'], ['blog-b/db'], [3306, 33060]),
  ...refused(['blog-a/wp'], ['blog-a/db'], [33060]),
];
const TO_DATABASE = [
  ...allowed(['shop/cart'], ['wordpress/db'], [3306]),
  ...refused(['shop/cart'], ['wordpress/db'], [80, 11011]),
  ...refused(['shop/cart'], ['wordpress/wp1'], [80, 81]),
  ...allowed(['blog-b/wp'], ['blog-b/db'], [33060]),
  ...refused(['blog-b/wp'], ['blog-b/db'], [3306]),
  ...OTHERS,
];

export const serviceAsDestination: Story = {
  id: 'D36',
  title: 'a Service is opened by its own selector and target ports, and nobody adds to them from elsewhere',
  play: async (stage) => {
    try {
      await play(stage);
    } finally {
      for (const namespace of NAMESPACES)
        await stage.cluster.kubectl([
          ...['delete', '--ignore-not-found', '--namespace', namespace],
          ...['service/database', 'endpointslice/forged'],
        ]);
    }
  },
};

async function play(stage: Stage): Promise<void> {
  const db = { app: 'mariadb' };
  await apply(
    stage,
    database('wordpress', db),
    database('blog-a', db),
    database('blog-b', db, 33060),
    // No rule is about its namespace.
    database('mallory', { app: 'wordpress' }, 80),
    claimed,
  );
  await betweenOpen(stage, TO_DATABASE, async () => {
    await program(stage.cluster, await readManifest('config/samples/service.yaml'));
    await expectTable(stage, TO_DATABASE);

    // Whoever may write it chooses among the pods of its namespace, and nothing else.
    await apply(stage, database('wordpress', { app: 'wordpress' }, 11011));
    await followed(stage, "app == 'wordpress'");
    await expectTable(stage, [
      ...allowed(['shop/cart'], ['wordpress/wp1', 'wordpress/wp2'], [11011]),
      ...refused(['shop/cart'], ['wordpress/db'], [3306, 11011]),
      ...refused(['shop/cart'], ['wordpress/wp1', 'shop/front'], [80]),
      ...refused(['shop/cart'], ['shop/front'], [11011]),
      ...OTHERS,
    ]);

    await stage.cluster.kubectl(['delete', '--namespace', 'wordpress', 'service/database']);
    await apply(stage, database('wordpress'), claimed);
    await followed(stage, undefined);
    await expectTable(stage, [
      ...refused(['shop/cart'], ['wordpress/db'], [3306]),
      ...refused(['shop/cart'], ['wordpress/wp1', 'wordpress/wp2'], [11011]),
      ...OTHERS,
    ]);
  });
}

const apply = (stage: Stage, ...items: readonly object[]): Promise<string> =>
  stage.cluster.kubectl(['apply', '--filename=-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
  });

/** @param selector in the far half of the rule; undefined: there is none */
async function followed(stage: Stage, selector: string | undefined): Promise<void> {
  await waitFor(
    async () => {
      const list = await stage.cluster.get(`${CALICO}/globalnetworkpolicies`);
      const { items } = list as { readonly items: readonly Policy[] };
      const far = items.filter(({ metadata }) => metadata.name.includes('-shop-egress-database-to-service-'));
      const isThere =
        selector === undefined ? far.length === 0 : far.some(({ spec }) => spec.selector === selector);
      return isThere || undefined;
    },
    { what: `the rule to follow the Service to ${selector ?? 'nobody'}`, within: 60_000 },
  );
  await conditions(stage.cluster, 'default', { Ready: 'True' });
  await stage.cluster.policiesProgrammed();
}

interface Policy {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly selector: string };
}
