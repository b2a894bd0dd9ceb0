// The same jobs in Express, as an expert would write them: `GET /check` verifies an HS256
// token, `POST /auth/refresh` rotates a session in SQLite (WAL, synchronous FULL) and signs ES256.
//
// usage: node express.js SOCKET WORKERS SECRET-FILE [DATABASE KEY.pem KID ISSUER]
//
// It uses Debian's node-express and node-sqlite3, and node's own crypto with key objects. What Express
// does by default and is not needed here is off (ETag, X-Powered-By).
'use strict';

const cluster = require('node:cluster');
const crypto = require('node:crypto');
const fs = require('node:fs');

const [socket, workers, secretFile, database, pem, kid, issuer] = process.argv.slice(2);

if (cluster.isPrimary && Number(workers) > 1) {
  for (let i = 0; i < Number(workers); i++) cluster.fork();
  process.on('SIGTERM', () => process.exit(0));
} else {
  process.on('SIGTERM', () => process.exit(0));
  serve();
}

function serve() {
  const express = require('express');
  const application = express();
  application.disable('x-powered-by');
  application.set('etag', false);
  const secret = crypto.createSecretKey(fs.readFileSync(secretFile, 'utf8').trim(), 'base64url');

  const mac = (text) => crypto.createHmac('sha256', secret).update(text).digest();

  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

  /** The claims of an HS256 token of this type, or null. */
  function verified(token, type) {
    const [head, claims, signature, more] = token.split('.');
    if (!signature || more !== undefined) return null;
    const given = Buffer.from(signature, 'base64url');
    if (given.length !== 32 || !crypto.timingSafeEqual(given, mac(`${head}.${claims}`))) return null;
    const header = JSON.parse(Buffer.from(head, 'base64url'));
    const content = JSON.parse(Buffer.from(claims, 'base64url'));
    if (header.alg !== 'HS256' || header.typ !== type || content.exp <= Date.now() / 1000) return null;
    return content.iss === (issuer || content.iss) ? content : null;
  }

  application.get('/check', (request, response) => {
    const [, token] = /^Bearer +([^ ]+)$/i.exec(request.headers.authorization || '') || [];
    const claims = token && verified(token, 'at+jwt');
    if (!claims) return response.status(401).set('WWW-Authenticate', 'Bearer').end();
    response.set('X-Auth-User', claims.preferred_username).set('X-Auth-Subject', claims.sub);
    response.status(204).end();
  });

  if (database) addRefresh();
  if (fs.existsSync(socket) && cluster.isPrimary) fs.unlinkSync(socket);
  application.listen({ path: socket, backlog: 1024 });

  function addRefresh() {
    const sqlite = require('sqlite3');
    const store = new sqlite.Database(database);
    store.configure('busyTimeout', 10000);
    store.exec('PRAGMA synchronous = FULL;');
    const signingKey = crypto.createPrivateKey(fs.readFileSync(pem));
    const header = encode({ alg: 'ES256', kid, typ: 'at+jwt' });
    const refreshHeader = encode({ alg: 'HS256', typ: 'rt+jwt' });
    const rotate = store.prepare(
      `UPDATE session SET generation = generation + 1, confirmed = generation, rotated_at = ?1,
         issued_at = ?1, last_used_at = ?1
       WHERE id = ?2 AND generation = ?3 AND version = ?4 AND expires_at > ?1
       RETURNING account, generation, version,
         (SELECT username FROM account WHERE id = session.account) AS username`);

    application.post('/auth/refresh', (request, response) => {
      const [, token] = /(?:^|; ?)__Secure-refresh=([^;]+)/.exec(request.headers.cookie || '') || [];
      const claims = token && verified(token, 'rt+jwt');
      const now = Math.floor(Date.now() / 1000);
      if (!claims) return response.status(401).end();
      rotate.get([now, claims.sid, claims.gen, claims.ver], (error, row) => {
        if (error) return response.status(503).end();
        if (!row) return response.status(401).end();
        const standing = { sid: claims.sid, gen: row.generation, ver: row.version };
        const access = `${header}.` + encode({
          iss: issuer, aud: issuer, sub: row.account, iat: now, exp: now + 900,
          jti: crypto.randomBytes(16).toString('hex'), ...standing,
          preferred_username: row.username, groups: [],
        });
        const key = { key: signingKey, dsaEncoding: 'ieee-p1363' };
        const signature = crypto.sign('sha256', Buffer.from(access), key);
        const lifetime = 7 * 86400;
        const next = `${refreshHeader}.` + encode({
          iss: issuer, sub: row.account, iat: now, exp: now + lifetime, ...standing,
        });
        response.set('Cache-Control', 'no-store').set(
          'Set-Cookie',
          `__Secure-refresh=${next}.${mac(next).toString('base64url')}; Path=/auth/refresh; Secure;` +
          ` HttpOnly; SameSite=Strict; Max-Age=${lifetime}`);
        response.json({
          access_token: `${access}.${signature.toString('base64url')}`,
          token_type: 'Bearer',
          expires_in: 900,
          user: { id: row.account, username: row.username, groups: [] },
        });
      });
    });
  }
}
