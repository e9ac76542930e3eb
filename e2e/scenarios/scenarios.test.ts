/** Every second story. more-scenarios.test.ts has the others, with a cluster of its own at the same time. */
import { STORIES } from './stories.ts';
import { playStories } from './stories.suite.ts';

playStories(STORIES.filter((_, index) => index % 2 === 0));
