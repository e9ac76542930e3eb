/** Options of the commands that ask the simulator. */
import { type Command, Option } from 'commander';
import { DEFAULT_OPERATOR_NAMESPACE } from '../../compiler/names.ts';
import type { QuestionFlags } from '../questions/load.ts';
import { kubeconfigOptions } from './cluster.ts';

export const questionOptions = (command: Command): Command =>
  worldOptions(command).addOption(
    new Option('--mode <mode>', 'staged policies do nothing, or count as enforced')
      .choices(['as-is', 'enforce'] satisfies readonly QuestionFlags['mode'][])
      .default('as-is'),
  );

/** All but the mode. */
export const worldOptions = (command: Command): Command =>
  kubeconfigOptions(command)
    .option('-f, --filename <file...>', 'manifests of ClusterFirewalls to ask about, or folders of them')
    .option(
      '--inventory <file>',
      'a file of `snapshot`, or manifests of the cluster; default: the cluster itself',
    )
    .option('--operator-namespace <name>', 'namespace of the operator', DEFAULT_OPERATOR_NAMESPACE);

/** Options of the commands that are about every pair of ends. */
export const tableOptions = (command: Command): Command =>
  command
    .option('--from <end>', 'who opens the connections; default: everyone')
    .option('--to <end>', 'who accepts them; default: everyone');
