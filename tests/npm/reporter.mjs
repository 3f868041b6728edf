// Prints what Node's test runner saw in the lines of Rust's, so that one reader serves both: --test-reporter=THIS.
const prefix = process.env.ONEFLIGHT_TESTS ? `${process.env.ONEFLIGHT_TESTS}::` : '';

export default async function* report(events) {
  let passed = 0;
  let failed = 0;
  let ignored = 0;
  for await (const { type, data } of events) {
    if (type === 'test:stdout' || type === 'test:stderr') yield data.message;
    if ((type !== 'test:pass' && type !== 'test:fail') || data.nesting > 0) continue;
    if (data.skip !== undefined || data.todo !== undefined) {
      ignored += 1;
      yield `test ${prefix}${data.name} ... ignored\n`;
    } else if (type === 'test:pass') {
      passed += 1;
      yield `test ${prefix}${data.name} ... ok\n`;
    } else {
      failed += 1;
      const { error } = data.details;
      yield `test ${prefix}${data.name} ... FAILED\n${error?.cause?.stack ?? error?.stack ?? String(error)}\n`;
    }
  }
  yield `test result: ${failed === 0 ? 'ok' : 'FAILED'}. ${passed} passed; ${failed} failed; ${ignored} ignored\n`;
}
