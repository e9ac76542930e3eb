/** A duration as people say it: the largest unit of which there are at least two. */
export function duration(seconds: number): string {
  const [unit = 'seconds', size = 1] = UNITS.find((each) => seconds >= 2 * each[1]) ?? [];
  return `${String(Math.floor(seconds / size))} ${unit}`;
}

const UNITS: readonly (readonly [string, number])[] = [
  ['days', 86_400],
  ['hours', 3600],
  ['minutes', 60],
  ['seconds', 1],
];

/** A time of the API as date and minute, in UTC; `-` for none. */
export const minuteOf = (time: string | undefined): string =>
  time !== undefined && /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(time) ? time.slice(0, 16).replace('T', ' ') : '-';
