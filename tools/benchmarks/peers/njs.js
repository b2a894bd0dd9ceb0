// `check` inside nginx, in njs: verifies an HS256 token with njs's own crypto.

import crypto from 'crypto';
import text from 'secret.js';

// njs runs this file again for each request, so the secret comes with it and not from a file.
const secret = Buffer.from(text, 'base64url');

function check(request) {
  const match = /^Bearer +([^ ]+)$/i.exec(request.headersIn.Authorization || '');
  const parts = match ? match[1].split('.') : [];
  if (parts.length !== 3) return request.return(401);
  const mac = crypto.createHmac('sha256', secret).update(`${parts[0]}.${parts[1]}`).digest('base64url');
  // Not in constant time, which njs 0.7 has no function for: this is a measurement.
  if (mac !== parts[2]) return request.return(401);
  const header = JSON.parse(Buffer.from(parts[0], 'base64url').toString());
  const claims = JSON.parse(Buffer.from(parts[1], 'base64url').toString());
  if (header.alg !== 'HS256' || header.typ !== 'at+jwt') return request.return(401);
  if (claims.exp <= Date.now() / 1000) return request.return(401);
  request.headersOut['X-Auth-User'] = claims.preferred_username;
  request.headersOut['X-Auth-Subject'] = claims.sub;
  request.return(204);
}

export default { check };
