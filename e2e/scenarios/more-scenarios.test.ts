/** The stories that scenarios.test.ts leaves out. */
import { STORIES } from './stories.ts';
import { playStories } from './stories.suite.ts';

playStories(STORIES.filter((_, index) => index % 2 === 1));
