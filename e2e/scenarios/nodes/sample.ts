import type { Tables } from './matrix.ts';
import type { NodeStage } from './stage.ts';

/** A manifest, and what packets reach under it. */
export interface Sample {
  readonly id: string;
  readonly title: string;
  /** Path from the repository's root. */
  readonly manifest: string;
  /** Changes the manifest before it is applied. */
  readonly edit?: (manifest: string) => string;
  readonly tables: Tables;
  /** Further objects. Resolves to a function that removes them. */
  readonly prepare?: (stage: NodeStage) => Promise<() => Promise<void>>;
  /** Checks that no table contains. */
  readonly also?: (stage: NodeStage) => Promise<void>;
}
