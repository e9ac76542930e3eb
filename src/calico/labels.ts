/** Labels that Calico itself puts on what it shows to selectors (libcalico-go/lib/apis/v3 and the Kubernetes backend). */

/** On namespaces, set by the API server: nobody can fake it. */
export const LABEL_METADATA_NAME = 'kubernetes.io/metadata.name';
/** On namespaces, as a namespaceSelector sees them; host endpoints and global sets do not have it. */
export const LABEL_NAMESPACE_NAME = 'projectcalico.org/name';
/** On pods and NetworkSets: the namespace they are in. */
export const LABEL_NAMESPACE = 'projectcalico.org/namespace';
/** On host endpoints that Calico's kube-controllers make, whose other labels are those of the Node: its kubelet may choose them. */
export const LABEL_CREATED_BY = 'projectcalico.org/created-by';
/** On pods: `k8s`. Sets and host endpoints get it from nobody. */
export const LABEL_ORCHESTRATOR = 'projectcalico.org/orchestrator';
