/** Whether a selector can match labels of which only some are known. */
import { matchesSelector, type Selector } from './selector.ts';

/** The value of a label that someone else chooses. */
export const ANY_VALUE = Symbol('any value');

/** A label's value, undefined for a label that is absent for sure, or ANY_VALUE. */
export type LabelOf = (key: string) => string | undefined | typeof ANY_VALUE;

/**
 * False only if the selector matches no labels that agree with `labelOf`. True if some may match, because terms
 * over one unknown label are judged each for itself.
 */
export const mayMatch = (selector: Selector, labelOf: LabelOf): boolean => outcomes(selector, labelOf).yes;

interface Outcomes {
  /** It may match. */
  readonly yes: boolean;
  /** It may fail to match. */
  readonly no: boolean;
}

function outcomes(selector: Selector, labelOf: LabelOf): Outcomes {
  switch (selector.kind) {
    case 'all':
    case 'global':
      return { yes: true, no: false };
    case 'not': {
      const { yes, no } = outcomes(selector.of, labelOf);
      return { yes: no, no: yes };
    }
    case 'and': {
      const parts = selector.of.map((of) => outcomes(of, labelOf));
      return { yes: parts.every(({ yes }) => yes), no: parts.some(({ no }) => no) };
    }
    case 'or': {
      const parts = selector.of.map((of) => outcomes(of, labelOf));
      return { yes: parts.some(({ yes }) => yes), no: parts.every(({ no }) => no) };
    }
    default: {
      const label = labelOf(selector.key);
      if (label === ANY_VALUE) return { yes: true, no: true };
      const matches = matchesSelector(selector, label === undefined ? {} : { [selector.key]: label });
      return { yes: matches, no: !matches };
    }
  }
}
