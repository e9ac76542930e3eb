/** A play on the stage: from an open cluster to a firewall and back to an open cluster. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { program, removeAll } from '../harness/firewall.ts';
import { open, type Row } from '../harness/rows.ts';
import type { Stage } from '../harness/pods-stage.ts';
import { expectTable } from '../harness/sweep.ts';

export interface Story {
  /** `S3`, `D1`: the test's name begins with it. */
  readonly id: string;
  readonly title: string;
  play(stage: Stage): Promise<void>;
}

export interface Scenario {
  readonly id: string;
  readonly title: string;
  /** Path from the repository's root. */
  readonly manifest: string;
  /** Written by hand from the scenario's promises, never from the compiler's output for the manifest. */
  readonly rows: readonly Row[];
  /** Further checks while the firewall exists and packets match the rows. */
  readonly during?: (stage: Stage) => Promise<void>;
}

export function scenario({ id, title, manifest, rows, during }: Scenario): Story {
  return {
    id,
    title,
    play: async (stage) => {
      await betweenOpen(stage, rows, async () => {
        await program(stage.cluster, await readManifest(manifest));
        await expectTable(stage, rows);
        await during?.(stage);
      });
    },
  };
}

/** Every connection that the rows refuse is open before, and again after the firewall was removed. */
export async function betweenOpen(
  stage: Stage,
  rows: readonly Row[],
  play: () => Promise<void>,
): Promise<void> {
  await expectTable(stage, open(rows));
  await play();
  await removeAll(stage.cluster);
  await expectTable(stage, open(rows));
}

const ROOT = path.resolve(import.meta.dirname, '../..');

export const fromRoot = (file: string): string => path.join(ROOT, file);

export const readManifest = (file: string): Promise<string> => readFile(fromRoot(file), 'utf8');

/** A manifest of ours that is no sample for users. */
export const ownManifest = (name: string): string => `e2e/scenarios/manifests/${name}`;
