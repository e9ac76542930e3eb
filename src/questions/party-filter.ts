/** Chooses the parties that an end of a question stands for. */
import type { Party } from '../simulator/parties.ts';
import type { Prepared } from '../simulator/prepared.ts';
import { podName } from '../simulator/world.ts';
import type { EndText } from './end-text.ts';
import { endsOf, type Names } from './ends.ts';
import { QuestionError } from './errors.ts';

/** @param end absent: every party. @throws QuestionError for an end that matches nothing, and for a Service */
export function partyFilter(
  prepared: Prepared,
  end: EndText | undefined,
  names: Names,
): (party: Party) => boolean {
  if (end === undefined) return () => true;
  if (end.kind === 'world') return ({ kind }) => kind === 'outside';
  const ends = endsOf(prepared, end, names);
  const pods = new Set<string>();
  const nodes = new Set<string>();
  const addresses: string[] = [];
  for (const each of ends) {
    if (each.kind === 'pod') pods.add(podName(each.pod));
    else if (each.kind === 'node') nodes.add(each.node.node.name);
    else if (each.kind === 'outside') addresses.push(each.address);
    else throw new QuestionError(`${each.name} is no end of reach: give the pods behind it`);
  }
  return (party) => {
    if (party.kind === 'pods') return party.names.some((name) => pods.has(name));
    if (party.kind === 'nodes') return party.names.some((name) => nodes.has(name));
    return addresses.some((address) => {
      const { family, value } = prepared.party(address);
      return (
        family === party.class.family &&
        party.class.ranges.some(({ from, to }) => from <= value && value <= to)
      );
    });
  };
}
