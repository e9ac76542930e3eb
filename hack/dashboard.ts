/**
 * The Grafana dashboard: first what people ask (is it enforced, by whom is it opened), then the operator's own
 * health. Metrics are those of docs/metrics.md.
 */
import {
  DashboardBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

/** From the root of the repository. */
export const DASHBOARD = 'config/grafana/clusterfirewall.json';

interface Panel {
  readonly title: string;
  /** Says what a reader should think of a value. */
  readonly description: string;
  readonly kind: 'number' | 'graph';
  readonly unit?: 's' | 'bytes' | 'ops' | 'bool_yes_no';
  /** PromQL, and the legend of its series. */
  readonly queries: readonly (readonly [expression: string, legend: string])[];
}

interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

const OURS = 'firewall=~"$firewall"';
const QUEUE = 'name="clusterfirewall"';
const CONTROLLER = 'controller="clusterfirewall"';

/** Only the leader has most of these metrics, so `max` over the pods is its value. */
const ROWS: readonly Row[] = [
  {
    title: 'Is it enforced?',
    panels: [
      {
        title: 'Ready',
        description:
          'Yes: all that the firewall says is programmed. The condition Ready has the reason for No.',
        kind: 'number',
        unit: 'bool_yes_no',
        queries: [[`min by (firewall) (clusterfirewall_ready{${OURS}})`, '{{firewall}}']],
      },
      {
        title: 'Nodes',
        description:
          'Nodes that the firewall selects, nodes where it is in force, and nodes that Calico cannot protect.',
        kind: 'number',
        queries: [[`max by (firewall, state) (clusterfirewall_nodes{${OURS}})`, '{{firewall}} {{state}}']],
      },
      {
        title: 'Problems',
        description:
          'Rules with a problem keep what they had. kubectl describe names the field and the remedy.',
        kind: 'number',
        queries: [
          [
            `sum by (reason) (clusterfirewall_problems{${OURS},severity="problem"}) or vector(0)`,
            '{{reason}}',
          ],
        ],
      },
      {
        title: 'Opened by others',
        description:
          'Objects of others that may open what is closed. spec.acceptForeign accepts them by name.',
        kind: 'number',
        queries: [
          [`max by (firewall, state) (clusterfirewall_foreign_objects{${OURS}})`, '{{firewall}} {{state}}'],
        ],
      },
    ],
  },
  {
    title: 'What it does',
    panels: [
      {
        title: 'Generated objects',
        description:
          'desired: all that should exist. current: stored as they should be. The two lines should meet.',
        kind: 'graph',
        queries: [[`sum by (state) (clusterfirewall_objects{${OURS}})`, '{{state}}']],
      },
      {
        title: 'Drift repaired in an hour',
        description: 'Objects that other clients changed, by the client. It should be empty.',
        kind: 'graph',
        queries: [
          [
            `sum by (kind, manager) (increase(clusterfirewall_drift_repaired_total[1h]))`,
            '{{kind}} {{manager}}',
          ],
        ],
      },
      {
        title: 'Time of a write, 99th percentile',
        description: 'One object written through the API server.',
        kind: 'graph',
        unit: 's',
        queries: [
          [
            'histogram_quantile(0.99, sum by (le, kind) (rate(clusterfirewall_apply_duration_seconds_bucket[10m])))',
            '{{kind}}',
          ],
        ],
      },
      {
        title: 'Requests to the API server',
        description: 'By answer. 403 means that a right is missing.',
        kind: 'graph',
        unit: 'ops',
        queries: [
          ['sum by (code) (rate(rest_client_requests_total{job=~".*clusterfirewall.*"}[10m]))', '{{code}}'],
        ],
      },
    ],
  },
  {
    title: 'Is the operator well?',
    panels: [
      {
        title: 'Leaders',
        description:
          'Exactly one replica leads. While there is none, what is programmed stays in force, and nothing changes.',
        kind: 'number',
        queries: [[`sum(leader_election_master_status{${QUEUE}})`, 'leaders']],
      },
      {
        title: 'Staleness of watches',
        description:
          'Time since the copy of a kind was last known to be true. Above two minutes an alert fires.',
        kind: 'graph',
        unit: 's',
        queries: [['max by (kind) (watch_staleness_seconds)', '{{kind}}']],
      },
      {
        title: 'Reconciliations that failed, in an hour',
        description: 'The condition Programmed has the error.',
        kind: 'graph',
        queries: [[`sum(increase(controller_runtime_reconcile_errors_total{${CONTROLLER}}[1h]))`, 'errors']],
      },
      {
        title: 'Time of a reconciliation',
        description: 'Median and 99th percentile.',
        kind: 'graph',
        unit: 's',
        queries: [0.5, 0.99].map(
          (quantile) =>
            [
              `histogram_quantile(${String(quantile)}, sum by (le) (rate(controller_runtime_reconcile_time_seconds_bucket{${CONTROLLER}}[10m])))`,
              String(quantile),
            ] as const,
        ),
      },
      {
        title: 'Next look overdue',
        description: 'Above zero: a reconciliation that was due did not begin.',
        kind: 'graph',
        unit: 's',
        queries: [['clamp_min(-min(clusterfirewall_next_reconcile_seconds), 0)', 'overdue']],
      },
      {
        title: 'Memory',
        description: 'Resident memory of each replica.',
        kind: 'graph',
        unit: 'bytes',
        queries: [['process_resident_memory_bytes{job=~".*clusterfirewall.*"}', '{{pod}}']],
      },
    ],
  },
];

const SOURCE = { type: 'prometheus', uid: '${source}' };

/** All PromQL in it. */
export const expressions = (): readonly string[] =>
  ROWS.flatMap(({ panels }) => panels.flatMap(({ queries }) => queries.map(([expression]) => expression)));

export function dashboard(): object {
  const builder = new DashboardBuilder('ClusterFirewall')
    .uid('clusterfirewall')
    .tags(['calico', 'network policy'])
    .refresh('1m')
    .time({ from: 'now-6h', to: 'now' })
    .timezone('browser')
    .withVariable(new DatasourceVariableBuilder('source').label('Prometheus').type('prometheus'))
    .withVariable(
      new QueryVariableBuilder('firewall')
        .label('ClusterFirewall')
        .datasource(SOURCE)
        .query('label_values(clusterfirewall_ready, firewall)')
        .refresh(VariableRefresh.OnTimeRangeChanged)
        .includeAll(true)
        .multi(true)
        .current({ text: 'All', value: '$__all' }),
    );
  for (const { title, panels } of ROWS) {
    builder.withRow(new RowBuilder(title));
    for (const panel of panels) builder.withPanel(panelOf(panel));
  }
  return builder.build();
}

/** Grafana's sidecar loads ConfigMaps with this label. */
export const dashboardConfigMap = (json: string): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: 'clusterfirewall-dashboard',
    namespace: 'clusterfirewall-system',
    labels: { 'app.kubernetes.io/name': 'clusterfirewall', grafana_dashboard: '1' },
  },
  data: { 'clusterfirewall.json': json },
});

function panelOf({ title, description, kind, unit, queries }: Panel): StatBuilder | TimeseriesBuilder {
  const builder = kind === 'number' ? new StatBuilder() : new TimeseriesBuilder();
  builder.title(title).description(description).datasource(SOURCE).span(6).height(7).min(0);
  if (unit !== undefined) builder.unit(unit);
  for (const [expression, legend] of queries) {
    builder.withTarget(new DataqueryBuilder().expr(expression).legendFormat(legend));
  }
  return builder;
}
