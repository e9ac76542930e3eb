/** A stage with operators, and a director who plays transitions to running flows. */
import { installManifests } from '../../harness/operator-process.ts';
import { createDirector, type Director } from './director.ts';
import { nodeGround } from './flows.ts';
import { drawKills } from './kills.ts';
import { createOperators, type Operators } from './operators.ts';
import { startNodeStage, type NodeStage, type NodeStageOptions } from './stage.ts';

/** When it is disposed of, it prints the results of all flows. */
export interface NodePlay extends AsyncDisposable {
  readonly stage: NodeStage;
  readonly operators: Operators;
  readonly director: Director;
}

/**
 * `edge` is in iptables mode, `worker` in nftables mode.
 * @param transitions those that the operator may not survive, by kind: see kills.ts
 */
export async function startNodePlay(
  transitions: Parameters<typeof drawKills>[0],
  options: NodeStageOptions = {},
): Promise<NodePlay> {
  const stage = await startNodeStage('iptables', options);
  await stage.node('worker').mapHostPort({ hostPort: 8443, port: 8080, pod: stage.endpoint('shop/far') });
  const operators = await createOperators(stage.cluster, await installManifests(stage.cluster));
  const director = createDirector(await nodeGround(stage), operators, drawKills(transitions));
  return {
    stage,
    operators,
    director,
    [Symbol.asyncDispose]: async () => {
      process.stderr.write(`\n${director.report()}\n`);
      await operators[Symbol.asyncDispose]();
      await stage[Symbol.asyncDispose]();
    },
  };
}
