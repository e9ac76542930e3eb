/** Values of a Prometheus text page by metric name, labels included: `felix_resync_state`, `x{kind="y"}`. */
export type Metrics = ReadonlyMap<string, number>;

export function parseMetrics(page: string): Metrics {
  const samples = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    samples.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}
