/** The data of a report, as the page finds it. Names come from the cluster: the page shows them as text alone. */

export interface PageParty {
  readonly kind: 'pods' | 'nodes' | 'outside';
  readonly name: string;
  readonly members: readonly string[];
}

export type PageVerdict = 'Allowed' | 'Denied' | 'Unknown';

/** Packets with one verdict. */
export interface PageFlow {
  readonly verdict: PageVerdict;
  readonly ports: readonly string[];
  /** Where it holds, as `IPv4, same node`. Empty: everywhere. */
  readonly where: string;
}

/** The index of a flow, and then those of its reasons. */
export type PageContent = readonly (readonly [flow: number, ...reasons: readonly number[]])[];

export interface PageData {
  /** The question, as terms and descriptions. */
  readonly about: readonly (readonly [term: string, description: string])[];
  /** Parts of the cluster that are not known. */
  readonly gaps: readonly string[];
  readonly sources: readonly PageParty[];
  readonly destinations: readonly PageParty[];
  readonly reasons: readonly string[];
  readonly flows: readonly PageFlow[];
  readonly contents: readonly PageContent[];
  /** For each source and each of its destinations an index of `contents`. */
  readonly table: readonly (readonly number[])[];
}

/** Ids of elements that the script finds in page.html. */
export const DATA_ID = 'data';
