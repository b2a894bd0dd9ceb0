// The board. It holds no token: the browser sends the gate cookie of this site by itself.

const byId = (id) => document.getElementById(id);

// Notes, as they come. An EventSource connects again by itself, unless it is refused.
const events = new EventSource("/events");
const stream = (text) => { byId("stream").textContent = `New notes appear by themselves: ${text}.`; };
events.addEventListener("hello", () => stream("connected"));
events.addEventListener("error", () => stream(events.readyState === EventSource.CLOSED ? "refused" : "not connected"));
events.addEventListener("note", ({ data }) => {
  const note = JSON.parse(data);
  const line = document.createElement("li");
  const [who, time] = ["b", "time"].map((name) => document.createElement(name));
  [who.textContent, time.textContent] = [note.who, note.time];
  line.append(who, " ", time, ` ${note.text}`);
  byId("notes").prepend(line);
});

// The tally. The server ends each socket after a minute; the next is opened if it may be.
let socket;
function connect() {
  socket = new WebSocket(`wss://${location.host}/live`);
  let opened = false;
  socket.addEventListener("open", () => { opened = true; byId("notch").disabled = false; });
  socket.addEventListener("message", ({ data }) => { byId("count").textContent = JSON.parse(data).count; });
  socket.addEventListener("close", () => {
    byId("notch").disabled = true;
    if (opened) setTimeout(connect, 500);
    // A refused one does not say why; a request does, and reload.js acts on it.
    else fetch("/api/echo").catch(() => {}).then(() => setTimeout(connect, 5000));
  });
}
connect();
byId("notch").addEventListener("click", () => socket.send("notch"));

byId("file").addEventListener("change", async () => {
  const [file] = byId("file").files;
  const answer = await fetch("/upload", { method: "POST", body: file });
  const { bytes, sha256 } = await answer.json();
  byId("digest").textContent = `${bytes} bytes, SHA-256 ${sha256}`;
});

byId("ask").addEventListener("click", async () => {
  const answer = await fetch("/api/echo");
  byId("told").textContent = JSON.stringify(await answer.json(), null, 2);
});
