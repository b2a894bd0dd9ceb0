// The browser half of tallystick: what each call does, what it resolves to, and when it throws.
//
// Promises reject with an AuthError only, except that `fetch` also passes on what the browser's
// fetch or the caller's own AbortSignal throws.

/** Who is signed in, as the server said with the tokens. */
export interface User {
  readonly id: string;
  readonly username: string;
  readonly groups: readonly string[];
}

/**
 * The state at one moment; frozen, and the same object until something changes.
 *
 * - `unknown`: the first refresh is under way, or it failed: see `error`.
 * - `signedin`: `user` is set. `error` says why the token could not be renewed, if it could not.
 * - `signedout`: this browser has no session.
 */
export interface Snapshot {
  readonly status: "unknown" | "signedin" | "signedout";
  readonly user: User | null;
  /** The code of the last failed refresh, null as soon as one succeeds. */
  readonly error: ErrorCode | null;
}

/** The answer of GET /auth/me. */
export interface Account extends User {
  readonly token_version: number;
  readonly session: string;
  /** The end of the access token that asked, in seconds since 1970. */
  readonly expires_at: number;
}

/** One line of GET /auth/sessions; times in seconds since 1970. */
export interface Session {
  readonly id: string;
  readonly current: boolean;
  readonly created_at: number;
  readonly last_used_at: number;
  readonly expires_at: number;
  readonly address: string;
  readonly user_agent: string;
}

/**
 * The server's codes, and three of the module's own: `network` (no answer), `unexpected_answer`
 * (an answer that is not the contract's) and `signed_out`.
 */
export type ErrorCode =
  | "invalid_request" | "invalid_credentials" | "invalid_token" | "cross_site"
  | "registration_closed" | "insufficient_scope" | "not_found" | "method_not_allowed"
  | "username_taken" | "too_large" | "unsupported_media_type" | "weak_password"
  | "invalid_username" | "too_many_attempts" | "temporarily_unavailable"
  | "unknown_site" | "login_required"
  | "network" | "unexpected_answer" | "signed_out";

/** A refusal by the server, or by the network. */
export class AuthError extends Error {
  constructor(code: ErrorCode, message?: string, status?: number, retryAfter?: number);
  readonly code: ErrorCode;
  /** The HTTP status, 0 without an answer. */
  readonly status: number;
  /** The answer's Retry-After in seconds, 0 without one. */
  readonly retryAfter: number;
}

/** The session has ended, here or elsewhere: the page should go to its sign-in. Code `signed_out`. */
export class SignedOut extends AuthError {
  constructor();
}

/** The event `signedout`: once for each session that ends, never for a visitor who had none. */
export interface SignedOutEvent extends Event {
  readonly type: "signedout";
  /** `logout`: asked for here; `elsewhere`: in another tab; `refused`: the server ended it. */
  readonly reason: "logout" | "elsewhere" | "refused";
}

export interface Options {
  /** Where the routes are mounted: a path, or a URL of another origin. Default `/auth`. */
  base?: string;
  /** Origins beside the page's own, and that of `base`, to which the token may be sent. */
  origins?: string[];
  /** Used for every request. Default: the window's own. */
  fetch?: typeof fetch;
  /** Used instead of the global object; for tests. */
  window?: object;
}

/** How to sign in. */
export interface SignInOptions {
  /**
   * Whether others use this computer too. The browser then forgets the session when it is closed, and
   * the server ends it soon after its last use. Default false.
   */
  shared?: boolean;
}

/** Where to take a login: the values in the query of gate.html. */
export interface HandOver {
  /** The site's origin. */
  site: string;
  /** The digest of the cookie by which the site knows this browser. */
  state: string;
  /** The path and query to show there. */
  return: string;
}

/** The part of an axios instance that `attach` uses. */
export interface AxiosLike {
  interceptors: {
    request: { use(done: any, failed?: any): number; eject(id: number): void };
    response: { use(done: any, failed?: any): number; eject(id: number): void };
  };
  request(config: any): Promise<any>;
}

export interface Auth extends EventTarget {
  /**
   * Restores the login of this browser by one silent refresh.
   *
   * Resolves when the server has answered, or when it cannot be reached at the moment (`unknown`;
   * the module retries in the background). Never rejects.
   */
  readonly ready: Promise<Snapshot>;

  /**
   * `fetch` with the access token, which is sent to the page's own origin, to that of `base`, and
   * to `origins` only.
   *
   * For other origins, and if the caller sets `Authorization`, it is plain `fetch`. A token about
   * to expire is renewed first. After a 401, the token is renewed by one refresh that all waiting
   * requests share, and the request is sent once more. The caller gets the second 401, and also
   * the first if nobody is signed in or if the body is a stream, which cannot be sent twice.
   *
   * @throws {SignedOut} the server refused the refresh, or the user signed out meanwhile
   * @throws {AuthError} the refresh failed because of the network or the server; the user stays
   *   signed in
   * @throws what `fetch` throws, and at once the reason of the caller's own signal
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;

  /**
   * Does the same for an axios instance, by interceptors; rejects as `fetch` above does.
   *
   * @returns a function that removes the interceptors
   */
  attach(axios: AxiosLike): () => void;

  /**
   * Signs in, here and in the other tabs.
   *
   * The session that this browser has is ended. A session of another account is ended first; if the
   * sign-in then fails, `signedout` is fired. A session of the same account is ended afterwards.
   *
   * @throws {AuthError} `invalid_credentials`, `too_many_attempts`, `temporarily_unavailable`, …;
   *   `network` and `temporarily_unavailable` also if the other session could not be ended
   * @throws {SignedOut} the user signed out before the answer came; the new session is ended
   */
  login(username: string, password: string, options?: SignInOptions): Promise<User>;

  /**
   * Creates an account and signs in. The session that this browser has is ended first, as for `login`.
   *
   * @throws {AuthError} `registration_closed`, `username_taken`, `weak_password`, …, and as `login`
   */
  register(username: string, password: string, options?: SignInOptions): Promise<User>;

  /**
   * Ends this session: at once in all tabs, then at the server. If the login is still being
   * restored, it waits for that first, because only a token names the session. Once it resolves,
   * the page may be left.
   *
   * @throws {AuthError} the server could not be told. The page is signed out, but the session
   *   still exists: call it again, and it sends the same token again.
   */
  logout(): Promise<void>;

  /** Ends every session and every token of the account. Throws as `user`; nothing changed then. */
  revoke(): Promise<void>;

  /**
   * Changes the password, which ends every session but this one.
   *
   * @throws {AuthError} `invalid_credentials` when the current one is wrong, `weak_password`, …
   */
  password(current: string, next: string): Promise<User>;

  /**
   * Asks the server who is signed in.
   *
   * @throws {SignedOut} nobody is signed in, or the session has ended
   * @throws {AuthError} the server could not be asked
   */
  user(): Promise<Account>;

  /** Lists the account's sessions. Throws as `user`. */
  sessions(): Promise<Session[]>;

  /** Ends one session by its id; `not_found` when it is not the account's. Throws as `user`. */
  endSession(id: string): Promise<void>;

  /**
   * Takes the login to another site: asks for a code that this site accepts once, within a minute, and
   * only from this browser.
   *
   * @returns the address to go to; it begins with the site and `/tallystick/land?`
   * @throws {AuthError} `unknown_site`, `too_many_attempts`, …, and as `user`
   */
  handOver(to: HandOver): Promise<string>;

  /**
   * Sends a request to another route below `base` that needs the token. Resolves to the JSON of the
   * answer, `{}` for a 204. Throws as `user`, and the route's own errors.
   *
   * @param body what to send as JSON, if anything
   * @param method default `POST`
   */
  request(path: string, body?: object, method?: string): Promise<any>;

  /** Seconds that the access token has left, 0 without one. */
  remaining(): number;

  /**
   * Calls back after each change of the snapshot.
   *
   * @returns a function that stops it; neither needs `this`
   */
  subscribe(listener: () => void): () => void;

  /** The state, for React's `useSyncExternalStore` and its like. Needs no `this`. */
  getSnapshot(): Snapshot;

  /** Forgets the token, stops the timers and closes the channel; signs nobody out. */
  dispose(): void;

  addEventListener(type: "signedout", listener: (event: SignedOutEvent) => void): void;
  addEventListener(type: "change", listener: (event: Event) => void): void;
  addEventListener(
    type: string, listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions): void;
}

/** Makes the one object that a page needs; it begins at once to restore the login. */
export function createAuth(options?: Options): Auth;
