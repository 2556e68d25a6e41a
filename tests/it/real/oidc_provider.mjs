// A real OpenID Connect provider, the certified oidc-provider, on a port of its own:
//
//     node oidc_provider.mjs FOLDER_OF_THE_PACKAGE REDIRECT_URI ID_TOKEN|USERINFO [CERTIFICATE KEY]
//
// With a certificate, for localhost, it speaks https. It prints its issuer and serves until it is killed. Whoever signs in, with any password, is who they type:
// dana@rfs.example has that address, confirmed; unconfirmed:dana@rfs.example has it unconfirmed; nobody has none.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { pathToFileURL } from 'node:url';

const [, , folder, redirectUri, where, certificate, key] = process.argv;
const { Provider } = await import(pathToFileURL(`${folder}/lib/index.js`).href);

const claims = (id) => {
  const [email, kind] = id.split(':').reverse();
  if (!email.includes('@')) return { sub: id };
  return { sub: id, email, email_verified: kind !== 'unconfirmed' };
};

const server = certificate
  ? https.createServer({ cert: readFileSync(certificate), key: readFileSync(key) })
  : http.createServer();
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const issuer = certificate ? `https://localhost:${port}` : `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'doorkey', client_secret: 'hunter2/+ %', redirect_uris: [redirectUri] }],
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    // As the specification has it, an ID token that comes with an access token holds no address.
    conformIdTokenClaims: where === 'USERINFO',
    findAccount: (_, id) => ({ accountId: id, claims: () => claims(id) }),
    pkce: { required: () => true },
    cookies: { keys: ['a key for tests'] },
    ttl: { Session: 600, Grant: 600, Interaction: 600, AccessToken: 600, IdToken: 600 },
  });
  // Its pages would fetch a font from elsewhere, and their fields have no labels.
  provider.use(async (ctx, next) => {
    await next();
    if (typeof ctx.body !== 'string') return;
    ctx.body = ctx.body.replace(/@import url\([^)]*\);/, '')
      .replaceAll(/placeholder="([^"]*)"/g, 'placeholder="$1" aria-label="$1"');
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
