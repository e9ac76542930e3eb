/** The Services that rules name, so that the operator need not look at all of them. */
import type { ClusterFirewall } from '../../api/schema.ts';
import type { ServiceInfo } from '../../inventory/types.ts';
import { readOnce } from '../read-once.ts';

interface Named {
  /** `NAMESPACE/NAME` */
  readonly exactly: ReadonlySet<string>;
  /** Names of Services in whatever namespace the rule is about. */
  readonly anywhere: ReadonlySet<string>;
}

export const namesService = (
  firewall: ClusterFirewall,
  { namespace, name }: Pick<ServiceInfo, 'namespace' | 'name'>,
): boolean => {
  const { exactly, anywhere } = namedServices(firewall);
  return anywhere.has(name) || exactly.has(`${namespace}/${name}`);
};

/** Asked for each change of a Service, of which there may be thousands. */
const namedServices = readOnce(({ spec }: ClusterFirewall): Named => {
  const named = (spec.namespaces ?? []).flatMap(({ egress = [] }) =>
    egress.flatMap(({ to }) => to.flatMap(({ service }) => service ?? [])),
  );
  const asserted = (spec.assertions ?? []).flatMap(({ to }) => to.service ?? []);
  return {
    exactly: new Set(
      [...named, ...asserted].flatMap(({ namespace, name }) =>
        namespace === undefined ? [] : [`${namespace}/${name}`],
      ),
    ),
    anywhere: new Set(named.flatMap(({ namespace, name }) => (namespace === undefined ? [name] : []))),
  };
});
