/** A strict parser of Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats). */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/gy;
/** Ignores case: Prometheus reads values with Go's ParseFloat. */
const NAN = /^nan$/i;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: [''],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
};

/** @throws Error that names the line with a wrong format or position */
export function parseExposition(text: string): ReadonlyMap<string, Family> {
  const families = new Map<string, { type: string; help: string; samples: Sample[] }>();
  const seen = new Set<string>();
  let current = '';
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      if (families.has(name)) throw new Error(`a second HELP: ${line}`);
      families.set(name, { type: '', help: rest, samples: [] });
      current = name;
      continue;
    }
    const family = families.get(current);
    if (family === undefined) throw new Error(`outside of any family: ${line}`);
    if (keyword === 'TYPE') {
      if (name !== current || family.type !== '') throw new Error(`in the wrong place: ${line}`);
      family.type = rest;
      continue;
    }
    const sample = parseSample(line);
    const suffixes = SUFFIXES[family.type];
    if (suffixes?.some((suffix) => sample.name === current + suffix) !== true)
      throw new Error(`not of the family ${current} (${family.type}): ${line}`);
    const identity = `${sample.name}${JSON.stringify(Object.entries(sample.labels).sort())}`;
    if (seen.has(identity)) throw new Error(`twice: ${line}`);
    seen.add(identity);
    family.samples.push(sample);
  }
  return families;
}

function parseSample(line: string): Sample {
  const [, name, labelText = '', value = ''] = SAMPLE.exec(line) ?? [];
  if (name === undefined || (Number.isNaN(numberOf(value)) && !NAN.test(value)))
    throw new Error(`not a sample: ${line}`);
  const found = [...labelText.matchAll(LABEL)];
  if (found.map(([text]) => text).join('') !== labelText) throw new Error(`not labels: ${line}`);
  const labels = Object.fromEntries(found.map(([, key = '', label = '']) => [key, label]));
  if (Object.keys(labels).length !== found.length) throw new Error(`a label twice: ${line}`);
  return { name, labels, value: numberOf(value) };
}

const numberOf = (text: string): number =>
  text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
