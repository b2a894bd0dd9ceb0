// For a page of a guarded site that lives long, or that a service worker keeps: reloads it when a
// request of its own is answered by the gate's 401. The reload leads to the sign-in and back.
//
//   <script type="module" src="/tallystick/reload.js"></script>
//
// It looks at `fetch` and XMLHttpRequest, at requests to the page's own origin, and at answers with a
// `Bearer` challenge; an application's own 401 has none. Before it reloads, it dispatches the event
// `tallystick-signedout` on window: a page that holds what somebody typed calls `preventDefault()` and
// reloads when that is safe. It reloads twice within a minute at the most.
//
// A service worker that answers navigations from its cache must let one through after the reload: the
// network first, the cache if that fails.

const KEY = "tallystick-reloads";
const MINUTE = 60_000;

/** Whether an answer is the gate's: nobody is signed in here any more. */
export function isOurs(status, challenge, url, origin) {
  return status === 401 && /^Bearer realm=/.test(challenge ?? "") && new URL(url, origin).origin === origin;
}

/** Watches the requests of a window. `now` and `window` can be passed in, for tests. */
export function watch(window, now = Date.now) {
  let reloading = false;

  function refused() {
    if (reloading) return;
    if (!window.dispatchEvent(new window.Event("tallystick-signedout", { cancelable: true }))) return;
    let times = [];
    try {
      times = (window.sessionStorage.getItem(KEY) ?? "").split(" ").filter((time) => now() - time < MINUTE && time);
      if (times.length >= 2) return;
      window.sessionStorage.setItem(KEY, [...times, now()].join(" "));
    } catch {
      return; // without a memory it could go round in circles
    }
    reloading = true;
    window.location.reload();
  }

  const look = (status, challenge, url) => {
    if (isOurs(status, challenge, url, window.location.origin)) refused();
  };

  const { fetch } = window;
  window.fetch = async function (...request) {
    const answer = await fetch.apply(this, request);
    look(answer.status, answer.headers.get("WWW-Authenticate"), answer.url || window.location.href);
    return answer;
  };

  const { send } = window.XMLHttpRequest.prototype;
  window.XMLHttpRequest.prototype.send = function (...body) {
    this.addEventListener("load", () => {
      if (this.status === 401) look(401, this.getResponseHeader("WWW-Authenticate"), this.responseURL || window.location.href);
    });
    return send.apply(this, body);
  };
}

if (globalThis.window?.document) watch(globalThis.window);
