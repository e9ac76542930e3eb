/** Names of zones and peers, which are DNS labels. */
import type { Zone } from '../api/schema.ts';

const MAX_LENGTH = 40;

export class Names {
  readonly #taken = new Set<string>();

  /** After who comes in and, for lists, what he may reach. */
  ofZone(from: Zone['from'], allow: Zone['allow']): string {
    const [first] = from;
    const who = first?.entity?.toLowerCase() ?? first?.peer ?? first?.ipBlock?.cidr ?? 'nobody';
    const what = allow.all
      ? ['all']
      : [
          ...(allow.allBut === undefined ? [] : ['open']),
          ...(allow.services ?? []),
          ...(allow.ports ?? []),
          ...(allow.protocols ?? []),
        ];
    const text = who === 'everyone' || who === '0.0.0.0/0' ? what.join('-') : `${who}-${what.join('-')}`;
    return this.unique(text);
  }

  unique(text: string): string {
    const plain = text
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .replace(/^-+/, '')
      .slice(0, MAX_LENGTH)
      .replace(/-+$/, '');
    for (let count = 1; ; count += 1) {
      const name = count === 1 ? plain : `${plain}-${String(count)}`;
      if (this.#taken.has(name)) continue;
      this.#taken.add(name);
      return name;
    }
  }
}
