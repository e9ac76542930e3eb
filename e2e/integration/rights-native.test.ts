import { rightsTests } from './rights.suite.ts';

rightsTests('native');
