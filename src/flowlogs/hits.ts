/**
 * Policies in Calico's flow logs (goldmane/proto/api.proto at v3.31, message PolicyHit), as protobuf prints them:
 * `- kind:Profile name:"kns.shop" action:Allow`. Several stand on one line, in any order, and between two
 * fields are one or two spaces.
 */
import type { Hit } from './flow.ts';

const FIELD = /(\w+):(?:"([^"]*)"|([\w-]+))/g;
const TRIGGER = /trigger:\s*\{([^}]*)\}/;

/** In the order in which Felix asked them. */
export function parseHits(text: string): readonly Hit[] {
  return text
    .split(/(?:^|\s)- (?=\w+:)/)
    .filter((each) => each.trim() !== '')
    .map((each) => {
      const own = fieldsOf(each.replace(TRIGGER, ''));
      const trigger = TRIGGER.exec(each)?.[1];
      return { order: numberIn(own, 'policy_index'), hit: hitOf(own, trigger) };
    })
    .sort((a, b) => a.order - b.order)
    .map(({ hit }) => hit);
}

type Fields = ReadonlyMap<string, string>;

const fieldsOf = (text: string): Fields =>
  new Map([...text.matchAll(FIELD)].map(([, key = '', quoted, bare = '']) => [key, quoted ?? bare]));

/** A field with the value 0 is not written. */
const numberIn = (fields: Fields, key: string): number => Number(fields.get(key) ?? 0);

function hitOf(fields: Fields, trigger: string | undefined): Hit {
  return {
    ...nameOf(fields),
    action: fields.get('action') ?? '',
    rule: numberIn(fields, 'rule_index'),
    ...(trigger !== undefined && { trigger: nameOf(fieldsOf(trigger)) }),
  };
}

const nameOf = (fields: Fields): Pick<Hit, 'kind' | 'namespace' | 'name' | 'tier'> => ({
  kind: fields.get('kind') ?? '',
  namespace: fields.get('namespace') ?? '',
  name: fields.get('name') ?? '',
  tier: fields.get('tier') ?? '',
});

/** The last policy decides. */
export function verdictOf(hits: readonly Hit[]): 'Allowed' | 'Denied' | undefined {
  const action = hits.at(-1)?.action;
  if (action === 'Deny') return 'Denied';
  return action === 'Allow' ? 'Allowed' : undefined;
}
