// Where scenarios say what they are called.

export const BOTH = ["chromium", "firefox"];

/** All tests, in order. */
export const tests = [];

/**
 * Adds a test. Its name begins with the ids of docs/spec.md that it proves. `browsers` are those it can be tried in; in
 * those of `once` it runs one round where the others run several, unless all are asked for: what is long, or has nothing
 * that two rounds could do differently. `alone`: it counts real time too short for a machine that does much else.
 */
export function test(name, work, { browsers = BOTH, once = [], alone = false } = {}) {
  tests.push({ name, work, browsers, once, alone });
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
