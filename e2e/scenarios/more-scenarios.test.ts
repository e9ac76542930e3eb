/** The stories that `make e2e` adds to those of scenarios.test.ts. */
import { MORE_STORIES } from './stories.ts';
import { playStories } from './stories.suite.ts';

playStories(MORE_STORIES);
