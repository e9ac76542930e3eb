/**
 * Labels that Calico itself adds to the objects that selectors see (libcalico-go/lib/apis/v3 and the
 * Kubernetes backend).
 */

/** On namespaces. The API server sets it, so nobody can fake it. */
export const LABEL_METADATA_NAME = 'kubernetes.io/metadata.name';
/**
 * On namespaces, in the form that a namespaceSelector sees. Host endpoints and global sets do not have it.
 */
export const LABEL_NAMESPACE_NAME = 'projectcalico.org/name';
/** On pods and NetworkSets: the namespace they are in. */
export const LABEL_NAMESPACE = 'projectcalico.org/namespace';
/**
 * On host endpoints that Calico's kube-controllers make. Their other labels are those of the Node, which its
 * kubelet may choose.
 */
export const LABEL_CREATED_BY = 'projectcalico.org/created-by';
/** The value of LABEL_CREATED_BY (kube-controllers/pkg/controllers/node/hostendpoints.go). */
export const KUBE_CONTROLLERS = 'calico-kube-controllers';
/** On pods: `k8s`. Sets and host endpoints never have it. */
export const LABEL_ORCHESTRATOR = 'projectcalico.org/orchestrator';

/**
 * True for labels by which Calico's selectors tell pods, namespaces and service accounts. Whoever may label a
 * global set can give it any of them.
 */
export const isCalicosLabel = (key: string): boolean =>
  ['projectcalico.org/', 'pcns.', 'pcsa.'].some((prefix) => key.startsWith(prefix));
/** Calico sets it on pods: the name of their ServiceAccount (libcalico-go's conversion.go). */
export const LABEL_SERVICE_ACCOUNT = 'projectcalico.org/serviceaccount';
