/** Words are compared without capitals, "-" and "_". */
export const spelling = (word: string): string => word.toLowerCase().replaceAll(/[-_]/g, '');
