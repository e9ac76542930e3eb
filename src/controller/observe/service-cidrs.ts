/** The ranges of Services, as plain data for the compiler. */
import { Informer, type InformerContext } from '../../cluster/informer/informer.ts';
import type { Informers } from '../../cluster/informer/informer-group.ts';
import { PatientInformers } from '../../cluster/informer/patient-informers.ts';
import { ifChanged } from '../../cluster/informer/store.ts';
import { readServiceCIDR, SERVICE_CIDRS } from '../../inventory/api-server.ts';
import type { Inventory } from '../../inventory/types.ts';

/** See ApiServerCallees. */
const PATIENCE_MS = 10_000;

export class ServiceCIDRs {
  readonly informers: Informers;
  readonly #informer: Informer<readonly string[]>;

  /** @param onChange called when a range came or went, and when the kind is no longer waited for */
  constructor(context: InformerContext, onChange: () => void) {
    this.#informer = new Informer(context, {
      kind: 'ServiceCIDR',
      resource: SERVICE_CIDRS,
      project: (object) => readServiceCIDR(object).value,
      onChange: ifChanged<readonly string[]>(onChange),
      onSynced: onChange,
    });
    this.informers = new PatientInformers(this.#informer, context.clock, PATIENCE_MS, onChange);
  }

  inventory(): Required<Pick<Inventory, 'serviceCIDRs'>> {
    return { serviceCIDRs: this.#informer.store.list().flat().sort() };
  }
}
