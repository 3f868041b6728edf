// Where scenarios say what they are called.

/** All tests, in order. */
export const tests = [];

/**
 * Adds a test. Its name begins with the ids of docs/spec.md that it proves. `browsers` are those it can be tried in; in
 * those of `long` it runs one round where the others run several, unless all are asked for.
 */
export function test(name, work, { browsers = ["chromium", "firefox"], long = [] } = {}) {
  tests.push({ name, work, browsers, long });
}

/** Fails with both values unless they are the same as JSON. */
export function same(actual, expected, what = "") {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (got !== wanted) throw new Error(`${what} is ${got}, not ${wanted}`.trim());
}

/** Fails unless `condition`. */
export function check(condition, what) {
  if (!condition) throw new Error(what);
}
