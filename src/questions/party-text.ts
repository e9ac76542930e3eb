/** Parties in words that people know. */
import { formatCidr } from '../net/cidr.ts';
import { cidrsOf } from '../simulator/outside.ts';
import type { Party } from '../simulator/parties.ts';
import type { Prepared } from '../simulator/prepared.ts';
import { listed } from './errors.ts';
import { programOf } from './pod-labels.ts';

const MOST = 4;

export interface PartyText {
  readonly kind: Party['kind'];
  /** As `wordpress/app=mariadb`, `node worker1`, `world`. */
  readonly name: string;
  /** The members: names of pods and nodes, CIDRs. */
  readonly members: readonly string[];
}

/** @param all the parties, to say which part of the world one is */
export function partyText(party: Party, prepared: Prepared, all: readonly Party[]): PartyText {
  switch (party.kind) {
    case 'pods':
      return { kind: 'pods', name: podsText(party.names, prepared), members: party.names };
    case 'nodes': {
      const isEvery = party.names.length === prepared.world.nodes.length && party.names.length > 1;
      return {
        kind: 'nodes',
        name: isEvery ? 'every node' : `node ${listed(party.names, MOST)}`,
        members: party.names,
      };
    }
    case 'outside': {
      const members = cidrsOf(party.class).map(formatCidr);
      return { kind: 'outside', name: outsideText(party, members, all), members };
    }
  }
}

/** Pods by namespace and program, as far as they have a label of one. */
function podsText(names: readonly string[], prepared: Prepared): string {
  const groups = new Set(
    names.map((name) => {
      const pod = prepared.pod(name);
      return (pod && programOf(pod)) ?? name;
    }),
  );
  return listed([...groups], MOST);
}

/** The largest part of a family is called by what it is not. */
function outsideText(
  { class: own }: Extract<Party, { readonly kind: 'outside' }>,
  members: readonly string[],
  all: readonly Party[],
): string {
  const others = all.flatMap((each) =>
    each.kind === 'outside' && each.class !== own && each.class.family === own.family
      ? cidrsOf(each.class).map(formatCidr)
      : [],
  );
  const name = `world IPv${String(own.family)}`;
  if (others.length === 0) return name;
  return others.length < members.length ? `${name} but ${listed(others, MOST)}` : listed(members, MOST);
}
