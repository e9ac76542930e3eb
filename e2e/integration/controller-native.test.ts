import { controllerTests } from './controller.suite.ts';

controllerTests('native');
