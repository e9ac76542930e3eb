/** Prometheus' own verdict on the alerts: their expressions are right, and each fires when it should. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { dump, load } from 'js-yaml';
import { preparePromtool, type Promtool } from './promtool.ts';

const RULES = path.resolve(import.meta.dirname, '../../config/prometheus/prometheus_rule.yaml');

jest.setTimeout(120_000);

interface Rule {
  readonly alert: string;
  readonly labels: Readonly<Record<string, string>>;
}

interface PrometheusRule {
  readonly spec: { readonly groups: readonly { readonly rules: readonly Rule[] }[] };
}

/** Series as promtool writes them: `a+bxn` is a value that grows by b, n times, once a minute. */
type Series = readonly (readonly [name: string, values: string])[];

interface Case {
  readonly alert: string;
  readonly summary: string;
  readonly fires: Series;
  readonly quiet: Series;
  /** Labels of the alert besides those of its rule. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** A path in this repository. */
const runbookOf = (alert: string): string => `docs/runbooks/${alert}.md`;

const LEADER = 'leader_election_master_status{name="clusterfirewall",pod="a"}';
const OTHER = 'leader_election_master_status{name="clusterfirewall",pod="b"}';

const CASES: readonly Case[] = [
  {
    alert: 'ClusterFirewallNotReady',
    summary: 'ClusterFirewall default is not programmed as written',
    fires: [['clusterfirewall_ready{firewall="default"}', '0x90']],
    quiet: [['clusterfirewall_ready{firewall="default"}', '1x90']],
    labels: { firewall: 'default' },
  },
  {
    alert: 'ClusterFirewallProblems',
    summary: 'ClusterFirewall default has 1 problems with reason UnknownPeer',
    fires: [['clusterfirewall_problems{firewall="default",reason="UnknownPeer",severity="problem"}', '1x90']],
    quiet: [['clusterfirewall_problems{firewall="default",reason="UnknownPeer",severity="warning"}', '1x90']],
    labels: { firewall: 'default', reason: 'UnknownPeer' },
  },
  {
    alert: 'ClusterFirewallForeignPolicies',
    summary: '2 objects of others may open what ClusterFirewall default closes',
    fires: [['clusterfirewall_foreign_objects{firewall="default",state="open"}', '2x90']],
    quiet: [['clusterfirewall_foreign_objects{firewall="default",state="accepted"}', '2x90']],
    labels: { firewall: 'default' },
  },
  {
    alert: 'ClusterFirewallAltered',
    summary: 'Admission alters objects of ClusterFirewall default. Its rules may not do what they say',
    fires: [['clusterfirewall_problems{firewall="default",reason="Altered",severity="warning"}', '1x90']],
    quiet: [['clusterfirewall_problems{firewall="default",reason="Other",severity="warning"}', '1x90']],
    labels: { firewall: 'default' },
  },
  {
    alert: 'ClusterFirewallAssertions',
    summary: '2 assertions of ClusterFirewall default fail',
    fires: [
      ['clusterfirewall_problems{firewall="default",reason="AssertionFailed",severity="warning"}', '2x90'],
    ],
    quiet: [
      ['clusterfirewall_problems{firewall="default",reason="AssertionUnknown",severity="warning"}', '2x90'],
    ],
    labels: { firewall: 'default' },
  },
  {
    alert: 'ClusterFirewallNoLeader',
    summary:
      'No operator leads, or more than one does. Stored policies stay in force; changes and repairs wait',
    fires: [
      [LEADER, '0x90'],
      [OTHER, '0x90'],
    ],
    quiet: [
      [LEADER, '1x90'],
      [OTHER, '0x90'],
    ],
  },
  {
    alert: 'ClusterFirewallLeaseStale',
    summary: 'No operator has looked for 4800 s. READY of the ClusterFirewalls is as it was then',
    fires: [['kube_lease_renew_time{lease="clusterfirewall"}', '0x90']],
    quiet: [
      ['kube_lease_renew_time{lease="clusterfirewall"}', '0+60x90'],
      ['kube_lease_renew_time{lease="other"}', '0x90'],
    ],
  },
  {
    alert: 'ClusterFirewallWatchStale',
    summary: 'a has not confirmed its copy of Node for 4800 s',
    fires: [['watch_staleness_seconds{pod="a",kind="Node"}', '0+60x90']],
    quiet: [['watch_staleness_seconds{pod="a",kind="Node"}', '20x90']],
    labels: { pod: 'a', kind: 'Node' },
  },
  {
    alert: 'ClusterFirewallReconcileErrors',
    summary: "Reconciliations fail. The operator's log says why",
    fires: [['controller_runtime_reconcile_errors_total{controller="clusterfirewall"}', '0+1x90']],
    quiet: [['controller_runtime_reconcile_errors_total{controller="clusterfirewall"}', '3x90']],
  },
  {
    alert: 'ClusterFirewallReconcileOverdue',
    summary: 'A reconciliation has been due for 4800 s and has not begun',
    fires: [['clusterfirewall_next_reconcile_seconds{pod="a"}', '0-60x90']],
    quiet: [['clusterfirewall_next_reconcile_seconds{pod="a"}', '-1x90']],
  },
  {
    alert: 'ClusterFirewallStuck',
    summary: 'One reconciliation has been running for 4800 s',
    fires: [['workqueue_longest_running_processor_seconds{name="clusterfirewall"}', '0+60x90']],
    quiet: [['workqueue_longest_running_processor_seconds{name="clusterfirewall"}', '100x90']],
  },
  {
    alert: 'ClusterFirewallDrift',
    summary: 'kubectl keeps changing generated objects of kind NetworkPolicy',
    fires: [['clusterfirewall_drift_repaired_total{kind="NetworkPolicy",manager="kubectl"}', '0+1x90']],
    quiet: [['clusterfirewall_drift_repaired_total{kind="NetworkPolicy",manager="kubectl"}', '5x90']],
    labels: { kind: 'NetworkPolicy', manager: 'kubectl' },
  },
];

let promtool: Promtool;
let rules: readonly Rule[];
let folder: string;
/** The groups of the PrometheusRule, as Prometheus reads them. */
let file: string;

beforeAll(async () => {
  promtool = await preparePromtool();
  folder = await mkdtemp(path.join(os.tmpdir(), 'alerts-'));
  const { spec } = load(await readFile(RULES, 'utf8')) as PrometheusRule;
  rules = spec.groups.flatMap((group) => group.rules);
  file = path.join(folder, 'rules.yaml');
  await writeFile(file, dump(spec));
}, 300_000);

afterAll(async () => {
  await rm(folder, { recursive: true });
});

test('every alert is right, and is tried', async () => {
  expect(await promtool(['check', 'rules', file])).toContain(`${rules.length} rules found`);
  expect(CASES.map((each) => each.alert).toSorted()).toEqual(rules.map((each) => each.alert).toSorted());
});

test('every alert has a runbook, and every runbook an alert', async () => {
  const files = await readdir(path.resolve(import.meta.dirname, '../../docs/runbooks'));
  expect(files.toSorted()).toEqual(rules.map(({ alert }) => `${alert}.md`).toSorted());
});

test.each(CASES)(
  '$alert fires when it should, and not otherwise',
  async ({ alert, summary, fires, quiet, labels = {} }) => {
    const rule = rules.find((each) => each.alert === alert);
    const fired = [
      {
        exp_labels: { ...rule?.labels, ...labels },
        exp_annotations: { summary, runbook_url: runbookOf(alert) },
      },
    ];
    const question = (series: Series, exp_alerts: readonly object[]) => ({
      interval: '1m',
      input_series: series.map(([name, values]) => ({ series: name, values })),
      alert_rule_test: [{ eval_time: '80m', alertname: alert, exp_alerts }],
    });
    const tests = path.join(folder, `${alert}.yaml`);
    await writeFile(
      tests,
      dump({ rule_files: [file], tests: [question(fires, fired), question(quiet, [])] }),
    );
    const said = await promtool(['test', 'rules', tests]).catch((error: unknown) => String(error));
    expect(said).toContain('SUCCESS');
  },
);
