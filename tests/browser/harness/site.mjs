// Where the pages come from: files of this folder and the built package, over HTTP on a free port.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };

/** Serves `pages`, and `dist` under `/oneflight/`; `headers` come with every answer, after `slowMs`. */
export async function serve(pages, dist, headers = {}) {
  const site = { slowMs: 0 };
  const server = createServer(async (request, response) => {
    // A slow site, not a wait of the test's.
    if (site.slowMs > 0) await new Promise((resolve) => setTimeout(resolve, site.slowMs));
    const { pathname } = new URL(request.url, "http://127.0.0.1");
    const path = normalize(decodeURIComponent(pathname));
    const file = path.startsWith("/oneflight/") ? join(dist, path.slice("/oneflight/".length)) : join(pages, path === "/" ? "page.html" : path);
    try {
      const body = await readFile(file);
      response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", ...headers });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  return Object.assign(site, {
    port,
    origin: `http://127.0.0.1:${port}`,
    end() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  });
}
