import { nodesTests } from './nodes.suite.ts';

nodesTests('aggregated');
