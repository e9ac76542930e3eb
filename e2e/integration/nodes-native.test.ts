import { nodesTests } from './nodes.suite.ts';

nodesTests('native');
