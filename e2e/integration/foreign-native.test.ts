import { foreignTests } from './foreign.suite.ts';

foreignTests('native');
