// As the naive page, and a refresh whose answer is lost is tried again at once.
import { createSession as naive } from "./naive.mjs";

const post = (...request) => fetch(...request).catch(() => fetch(...request));

export const createSession = (options) => naive(options, post);
