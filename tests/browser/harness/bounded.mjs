// Nothing here waits without an end.

/** How long anything may take that a test waits for, in milliseconds. */
export const PATIENCE_MS = 60_000;

/** `promise`, or a failure that names `what` after `ms` milliseconds. */
export async function bounded(promise, what, ms = PATIENCE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
