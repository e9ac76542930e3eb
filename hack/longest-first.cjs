// Files that take minutes begin first: one that began last would run alone for minutes. Jest knows how long a file takes where it ran
// before, and otherwise goes by its size, which says nothing of a file whose tests are in *.suite.ts.
const { default: Sequencer } = require('@jest/test-sequencer');

const LONGEST =
  /\/e2e\/(integration\/(controller|nodes|liveness)|gitops\/gitops|scenarios\/(more-)?scenarios)[^/]*$/;
const rank = ({ path }) => (LONGEST.test(path) ? 0 : 1);

module.exports = class extends Sequencer {
  sort(tests) {
    return super.sort(tests).sort((a, b) => rank(a) - rank(b));
  }
};
