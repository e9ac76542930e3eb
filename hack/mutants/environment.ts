/**
 * Jest's environment for Node, but a failed test ends its file: one failure kills a mutant, and later tests
 * may hang.
 */
import { TestEnvironment } from 'jest-environment-node';

/** Some events of jest-circus. */
type TestEvent =
  | { readonly name: 'test_fn_failure' | 'hook_failure' }
  | { readonly name: 'test_start'; readonly test: { mode?: string | null } };

class FirstFailureEnvironment extends TestEnvironment {
  #hasFailed = false;

  handleTestEvent(event: TestEvent): void {
    if (event.name === 'test_fn_failure' || event.name === 'hook_failure') this.#hasFailed = true;
    if (event.name === 'test_start' && this.#hasFailed) event.test.mode = 'skip';
  }
}

// See runner.ts for the name.
export { FirstFailureEnvironment as 'module.exports' };
