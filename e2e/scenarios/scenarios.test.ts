/** The stories of `make test`. */
import { STORIES } from './stories.ts';
import { playStories } from './stories.suite.ts';

playStories(STORIES);
