/** Objects in the documents of an inventory, with their places. */
import { type Path, formatPath } from '../../api/path.ts';
import type { KubernetesObject } from '../../inventory/object.ts';
import { isRecord, valueAt } from '../../json.ts';
import type { Diagnostic } from './diagnostics.ts';
import type { Document } from './load.ts';

/** A field does not have the form that an API server prints. */
export class ItemError extends Error {
  override readonly name = 'ItemError';
  readonly path: Path;

  constructor(path: Path, message: string) {
    super(message);
    this.path = path;
  }
}

/** One object of an inventory. The file may be written by hand, so each field is checked when it is read. */
export class Item {
  readonly #document: Document;

  constructor(document: Document) {
    this.#document = document;
  }

  at(...path: Path): unknown {
    return valueAt(this.#document.value, ...path);
  }

  /** @throws ItemError unless it is a string */
  text(...path: Path): string {
    const value = this.at(...path);
    if (typeof value === 'string') return value;
    throw new ItemError(path, value === undefined ? 'is missing' : 'must be a string');
  }

  /**
   * An absent mapping is empty.
   * @throws ItemError unless every value is a string
   */
  texts(...path: Path): Readonly<Record<string, string>> {
    const value = this.at(...path) ?? {};
    if (!isRecord(value)) throw new ItemError(path, 'must be a mapping');
    return Object.fromEntries(Object.keys(value).map((key) => [key, this.text(...path, key)]));
  }

  /**
   * An absent list is empty.
   * @throws ItemError unless it is a list
   */
  list(...path: Path): readonly unknown[] {
    const value = this.at(...path) ?? [];
    if (Array.isArray(value)) return value as readonly unknown[];
    throw new ItemError(path, 'must be a list');
  }

  /**
   * The object as it is, for the readers of src/inventory.
   * @throws ItemError without a name, or with labels of another form
   */
  object(): KubernetesObject {
    const metadata = { name: this.text('metadata', 'name'), labels: this.texts('metadata', 'labels') };
    const deletionTimestamp = this.at('metadata', 'deletionTimestamp');
    return {
      ...(isRecord(this.#document.value) && this.#document.value),
      metadata: { ...metadata, ...(deletionTimestamp !== undefined && { deletionTimestamp }) },
    };
  }

  /**
   * The same for a kind that is namespaced.
   * @throws ItemError without a namespace
   */
  namespacedObject(): KubernetesObject {
    const object = this.object();
    return { ...object, metadata: { ...object.metadata, namespace: this.text('metadata', 'namespace') } };
  }

  diagnostic(kind: string, { path, message }: ItemError): Diagnostic {
    const { file, lineOf, within } = this.#document;
    return {
      severity: 'problem',
      file,
      line: lineOf(path),
      path: formatPath([...within, ...path]),
      reason: 'BadInventory',
      message: `${message} in a ${kind}: give the output of kubectl get -o yaml`,
    };
  }
}
