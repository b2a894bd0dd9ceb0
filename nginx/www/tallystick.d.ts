// The browser half of tallystick: what each call does, resolves to, and when it throws.
//
// Everything asynchronous here rejects with an AuthError and nothing else, save for what `fetch`
// itself or the caller's own AbortSignal throws.

/** Who is signed in, as the server told it with the tokens. */
export interface User {
  readonly id: string;
  readonly username: string;
  readonly groups: readonly string[];
}

/**
 * The state at one moment; frozen, and the same object until something changes.
 *
 * - `unknown`: the first refresh has not been answered, or could not be: see `error`.
 * - `signedin`: `user` is set. `error` names what keeps the token from being renewed, if anything.
 * - `signedout`: there is no session here.
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
  /** The end of the session, in seconds since 1970. */
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
  | "network" | "unexpected_answer" | "signed_out";

/** A refusal by the server, or by the network. */
export class AuthError extends Error {
  constructor(code: ErrorCode, message?: string, status?: number, retryAfter?: number);
  readonly code: ErrorCode;
  /** The HTTP status, 0 when there was no answer. */
  readonly status: number;
  /** Seconds after which the server wants to be asked again, 0 when it did not say. */
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
  /** What stands for the global object; for tests. */
  window?: object;
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
   * Resolves when it is known who is here, or that the server cannot be asked at the moment
   * (`unknown`; it is asked again in the background). Never rejects.
   */
  readonly ready: Promise<Snapshot>;

  /**
   * `fetch` with the access token, which is sent to the page's own origin and to `origins` only.
   *
   * Elsewhere, and where the caller sets `Authorization`, it is plain `fetch`. A token about to
   * end is renewed first. A 401 is answered by one refresh, shared by all who wait, and one more
   * try; the second 401 is the caller's, and so is the first if nobody is signed in or the body
   * was a stream, which cannot be sent twice.
   *
   * @throws {SignedOut} the refresh was refused, or somebody signed out while the request waited
   * @throws {AuthError} the refresh failed for the network or the server: nobody is signed out
   * @throws what `fetch` throws, and the reason of the caller's own signal, without waiting
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;

  /**
   * Does the same for an axios instance, by interceptors; rejects as `fetch` above does.
   *
   * @returns a function that takes the interceptors off again
   */
  attach(axios: AxiosLike): () => void;

  /**
   * Signs in, here and in the other tabs.
   *
   * @throws {AuthError} `invalid_credentials`, `too_many_attempts`, `temporarily_unavailable`, …
   * @throws {SignedOut} somebody signed out before the answer came; the new session is ended
   */
  login(username: string, password: string): Promise<User>;

  /**
   * Creates an account and signs in.
   *
   * @throws {AuthError} `registration_closed`, `username_taken`, `weak_password`, …, and as `login`
   */
  register(username: string, password: string): Promise<User>;

  /**
   * Ends this session, here and in the other tabs: at once, then at the server. While a login is
   * still being restored, it waits for that: no token names the session yet. The page may be left
   * when it resolves.
   *
   * @throws {AuthError} the server could not be told. The page is signed out, but the session
   *   lives: call again, which sends the same token again.
   */
  logout(): Promise<void>;

  /** Ends every session and every token of the account. Throws as `user`; then nothing changed. */
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
   * @throws {SignedOut} nobody is, or no longer
   * @throws {AuthError} the server could not be asked
   */
  user(): Promise<Account>;

  /** Lists the account's sessions. Throws as `user`. */
  sessions(): Promise<Session[]>;

  /** Ends one session by its id; `not_found` when it is not the account's. Throws as `user`. */
  endSession(id: string): Promise<void>;

  /** Seconds that the access token has left, 0 without one. */
  remaining(): number;

  /** Calls back after every change of the snapshot. Returns what ends it. Needs no `this`. */
  subscribe(listener: () => void): () => void;

  /** The state, for React's `useSyncExternalStore` and its like. Needs no `this`. */
  getSnapshot(): Snapshot;

  /** Forgets the token, stops the clock and closes the channel; signs nobody out. */
  dispose(): void;

  addEventListener(type: "signedout", listener: (event: SignedOutEvent) => void): void;
  addEventListener(type: "change", listener: (event: Event) => void): void;
  addEventListener(
    type: string, listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions): void;
}

/** Makes the one object that a page needs; it begins at once to restore the login. */
export function createAuth(options?: Options): Auth;
