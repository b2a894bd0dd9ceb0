// The rules for addresses in the queries of gate.html and signout.html.

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

/** Whether a text is an https origin in canonical spelling. */
export function isOrigin(text) {
  const url = address(text);
  return url?.protocol === "https:" && url.origin === text;
}

/** A path and query of at most 2 048 bytes; "/" in place of anything else. */
function path(text) {
  const fits = /^\/(?![/\\])[^\\\x00-\x1f\x7f]*$/.test(text);
  return fits && new TextEncoder().encode(text).length <= 2048 ? text : "/";
}

/**
 * The body of POST /auth/handover, from the query of gate.html.
 *
 * @returns {{site: string, state: string, return: string} | null} null if site or state is not valid
 */
export function destination(query) {
  const site = only(query, "site"), state = only(query, "state");
  if (!isOrigin(site) || !/^[A-Za-z0-9_-]{43}$/.test(state)) return null;
  return { site, state, return: path(only(query, "return")) };
}

/**
 * The address in the query of signout.html. It must use https. A user name or a password could be
 * mistaken for the host, so it may have neither.
 *
 * @returns {URL | null}
 */
export function wayBack(query) {
  const url = address(only(query, "return"));
  return url?.protocol === "https:" && !url.username && !url.password ? url : null;
}
