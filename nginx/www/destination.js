// Where the gate leads to, and where the way out leads back to: the rules, without a page.

/** An absolute address, or null if the text is none. */
export function address(spelled) {
  try {
    return new URL(spelled);
  } catch {
    return null;
  }
}

/** The value of a name that stands in a query exactly once, else an empty text. */
function only(query, name) {
  const all = new URLSearchParams(query).getAll(name);
  return all.length === 1 ? all[0] : "";
}

/** An https origin in its one canonical spelling. */
export function isOrigin(text) {
  const url = address(text);
  return url?.protocol === "https:" && url.origin === text;
}

/** A path and query of a site; anything else is its front page. At most 2 048 bytes. */
function path(text) {
  const fits = /^\/(?![/\\])[^\\\x00-\x1f\x7f]*$/.test(text);
  return fits && new TextEncoder().encode(text).length <= 2048 ? text : "/";
}

/**
 * What the query of gate.html asks for, as POST /auth/handover takes it.
 *
 * @returns {{site: string, state: string, return: string} | null} null if it does not say where to
 */
export function destination(query) {
  const site = only(query, "site"), state = only(query, "state");
  if (!isOrigin(site) || !/^[A-Za-z0-9_-]{43}$/.test(state)) return null;
  return { site, state, return: path(only(query, "return")) };
}

/**
 * The address in the query of signout.html: of https, and without a name or a password that could
 * be taken for the host.
 *
 * @returns {URL | null}
 */
export function wayBack(query) {
  const url = address(only(query, "return"));
  return url?.protocol === "https:" && !url.username && !url.password ? url : null;
}
