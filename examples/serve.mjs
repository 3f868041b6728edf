// Serves an example: node serve.mjs FOLDER (--binary FILE [--server=OPTION]... | --openid SCRIPT) [--mount PATH=FOLDER]... [--port N]
//
// Files come from FOLDER, and from the mounted ones; what begins with one of SERVER is handed to `oneflight testserver`,
// so that page, API and token endpoint are one origin, as behind the reverse proxy of a real site. With --openid there is a real
// OpenID provider instead, on an origin of its own; `/api` asks it about each token.
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer, request as send } from "node:http";
import { extname, join, normalize, resolve } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

const SERVER = ["/api", "/cookie", "/oauth", "/_control", "/.well-known"];
const PORT = "4182";
const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    binary: { type: "string" },
    openid: { type: "string" },
    mount: { type: "string", multiple: true, default: [] },
    port: { type: "string" },
    server: { type: "string", multiple: true, default: [] },
  },
});
const [folder] = positionals;
const mounts = [...values.mount.map((mount) => mount.split("=", 2)), ["/", folder]];

/** Starts a server that ends with us, and gives the lines it prints. */
function started(command, line, stdin) {
  const child = spawn(command, line, { stdio: [stdin, "pipe", "ignore"] });
  process.once("exit", () => child.kill());
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(0));
  child.once("exit", (code) => {
    console.error(`${line[0]} ended with ${code}`);
    process.exit(1);
  });
  return createInterface({ input: child.stdout });
}

const isBelow = (pathname, prefix) => pathname === prefix || pathname.startsWith(`${prefix}/`);

/** `oneflight testserver` on a free port: its orders, and what answers for it. */
async function testServer() {
  for await (const line of started(values.binary, ["testserver", "--port", "0", ...values.server], "ignore")) {
    const [name, url] = line.split(/:\s+/, 2);
    if (name !== "issuer") continue;
    const answer = (request, response, pathname) => {
      const isOurs = SERVER.some((prefix) => isBelow(pathname, prefix));
      if (isOurs) forward(request, response, new URL(request.url, url));
      return isOurs;
    };
    return { control: new URL("/_control/", url), answer };
  }
  throw new Error("the test server did not start");
}

/** A real OpenID provider on a free port: its orders, and what answers for the API behind it. */
async function openIdProvider() {
  const lines = started(process.execPath, [values.openid, "--access-token-seconds", "5"], "pipe");
  const { value } = await lines[Symbol.asyncIterator]().next();
  const { issuer, control } = JSON.parse(value);
  const json = (response, status, body, headers) =>
    response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store", ...headers }).end(JSON.stringify(body));

  /** The token is good if the provider tells whose it is (OpenID Connect Core §5.3). */
  async function api({ headers: { authorization } }, response) {
    if (!authorization) return json(response, 401, {}, { "www-authenticate": "Bearer" });
    const answer = await fetch(`${issuer}/me`, { headers: { authorization } });
    if (answer.ok) return json(response, 200, await answer.json());
    return json(response, 401, {}, { "www-authenticate": 'Bearer error="invalid_token"' });
  }

  const answer = (request, response, pathname) => {
    if (pathname === "/openid.json") json(response, 200, { issuer, clientId: "oneflight-test" });
    else if (isBelow(pathname, "/api")) api(request, response).catch(() => response.destroy());
    else if (isBelow(pathname, "/_control")) forward(request, response, new URL(pathname.slice("/_control".length), control));
    else return false;
    return true;
  };
  return { control: new URL(control), answer };
}

/** Hands a request on, and its answer back. */
function forward(request, response, url) {
  const { method, headers } = request;
  const onward = send(url, { method, headers: { ...headers, host: url.host } }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on("error", () => response.destroy());
  response.on("close", () => onward.destroy());
  request.pipe(onward);
}

async function file(path, response) {
  const [prefix, from] = mounts.find(([prefix]) => path.startsWith(prefix));
  const rest = path.slice(prefix.length);
  // A path without an extension is one of the page's own making.
  const name = extname(rest) === "" ? "index.html" : rest;
  try {
    const body = await readFile(join(resolve(from), normalize(`/${name}`)));
    response.writeHead(200, { "content-type": TYPES[extname(name)] ?? "application/octet-stream", "cache-control": "no-cache" });
    response.end(body);
  } catch {
    response.writeHead(404).end("not found");
  }
}

function listen(server, port) {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server.address().port));
  });
}

const { control, answer } = await (values.openid ? openIdProvider() : testServer());
const site = createServer((request, response) => {
  const { pathname } = new URL(request.url, control);
  if (!answer(request, response, pathname)) file(decodeURIComponent(pathname), response);
});
const port = await listen(site, Number(values.port ?? PORT)).catch((error) => {
  if (values.port !== undefined || error.code !== "EADDRINUSE") throw error;
  return listen(site, 0);
});
console.log(`page:    http://127.0.0.1:${port}/`);
console.log(`control: ${control}`);
console.error("Ctrl-C ends it.");
