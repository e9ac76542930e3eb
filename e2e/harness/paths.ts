/** Paths of the API server. */
export const FIREWALLS = '/apis/clusterfirewall.io/v1alpha1/clusterfirewalls';
/** Calico's kinds, as they are served. */
export const CALICO = '/apis/projectcalico.org/v3';
/** The same kinds, as they are stored where Calico's API server serves them. */
export const STORED = '/apis/crd.projectcalico.org/v1';
