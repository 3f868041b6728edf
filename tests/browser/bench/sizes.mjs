// What the libraries that a single-page application could take weigh: node sizes.mjs FOLDER, where `peers/` is installed.
//
// Of each that which one session needs, bundled and minified by esbuild, gzip -9; what the application brings anyway
// (Angular, rxjs, axios) is left out.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";

const folder = resolve(process.argv[2]);
const require = createRequire(join(folder, "package.json"));
const { build } = require("esbuild");

const PEERS = [
  ["@auth0/auth0-spa-js", "export { createAuth0Client } from"],
  ["@axa-fr/oidc-client", "export { OidcClient } from", "../oidc-client-service-worker/dist/OidcServiceWorker.js"],
  ["@azure/msal-browser", "export { PublicClientApplication } from"],
  ["@badgateway/oauth2-client", "export { OAuth2Client, OAuth2Fetch } from"],
  ["@okta/okta-auth-js", "export { OktaAuth } from"],
  ["@supabase/auth-js", "export { GoTrueClient } from"],
  ["angular-auth-oidc-client", "export { provideAuth, OidcSecurityService, authInterceptor } from"],
  ["angular-oauth2-oidc", "export { provideOAuthClient, OAuthService } from"],
  ["axios-auth-refresh", "export * from"],
  ["keycloak-js", "export { default } from"],
  ["oauth4webapi", "export { refreshTokenGrantRequest, processRefreshTokenResponse } from"],
  ["oidc-client-ts", "export { UserManager } from"],
  ["supertokens-website", "export { default } from"],
];

const gzip = (bytes) => gzipSync(bytes, { level: 9 }).length;

async function bundled(options) {
  const { outputFiles } = await build({
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    platform: "browser",
    legalComments: "none",
    external: ["@angular/*", "rxjs", "rxjs/*", "axios"],
    logLevel: "error",
    write: false,
    ...options,
  });
  return outputFiles[0].contents;
}

const rows = [];
for (const [name, what, worker] of PEERS) {
  const { version } = JSON.parse(await readFile(join(folder, "node_modules", name, "package.json"), "utf8"));
  const main = gzip(await bundled({ stdin: { contents: `${what} "${name}";`, resolveDir: folder } }));
  // Downloaded as it is, not part of a bundle.
  const apart = worker ? gzip(await bundled({ entryPoints: [join(folder, "node_modules", name, worker)] })) : 0;
  rows.push({ name, version, bytes: main + apart, note: worker ? `with its service worker, ${(apart / 1024).toFixed(1)} KB` : "" });
}
console.log(JSON.stringify(rows.sort((one, other) => one.bytes - other.bytes)));
