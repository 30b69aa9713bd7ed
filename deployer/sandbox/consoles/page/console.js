// A console's page: a screen, what is typed, and the websocket between them and the program.

import { sent } from "./keys.js";
import { Painter } from "./painter.js";
import { Parser } from "./parser.js";
import { Screen } from "./screen.js";

const PIECE = 32768; // characters of a message, in which pasted text goes
const BELL_MS = 150;
const BLANK = " "; // kept in the keyboard's field: on phones a deletion is told only of something to delete

const [terminal, history, live, cursor, keyboard, status] = ["terminal", "history", "live", "cursor", "keyboard", "status"].map(
  (id) => document.getElementById(id),
);
const fitting = fit();
const screen = new Screen(fitting.columns, fitting.rows);
const painter = new Painter(screen, { terminal, history, live, cursor, keyboard });
let replaying = false;
const parser = new Parser(screen, (text) => replaying || say({ kind: "answer", text }));

const address = new URL(terminal.dataset.socket, location.href);
address.protocol = address.protocol.replace("http", "ws");
address.search = new URLSearchParams(fitting);
const socket = new WebSocket(address);
let over = false;

function say(message) {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function type(text) {
  for (let at = 0; at < text.length; at += PIECE) say({ kind: "input", text: text.slice(at, at + PIECE) });
  terminal.scrollTop = terminal.scrollHeight;
}

function tell(text) {
  status.textContent = text;
}

socket.addEventListener("open", () => tell(""));
socket.addEventListener("message", ({ data }) => {
  const said = JSON.parse(data);
  if (said.kind === "size") screen.resize(said.columns, said.rows);
  if (said.kind === "output") show(said);
  if (said.kind === "ended") {
    over = true;
    tell(`${said.status < 0 ? `Killed by signal ${-said.status}` : `Ended with status ${said.status}`}. Reload the page to start it again.`);
  }
  painter.later();
});
socket.addEventListener("close", ({ reason }) => {
  document.body.classList.add("over");
  if (!over) tell(`${reason || "The connection is lost"}. Reload the page to come back.`);
});

function show({ text, replay, fresh }) {
  if (fresh) screen.reset();
  const before = screen.bells;
  replaying = replay;
  parser.write(text);
  replaying = false;
  say({ kind: "shown" });
  if (screen.bells > before && !replay) {
    document.body.classList.add("bell");
    setTimeout(() => document.body.classList.remove("bell"), BELL_MS);
  }
}

// The size.

function fit() {
  const probe = document.createElement("span");
  probe.textContent = "0".repeat(100);
  probe.className = "probe";
  live.append(probe);
  const { width } = probe.getBoundingClientRect();
  probe.remove();
  const line = parseFloat(getComputedStyle(live).lineHeight);
  const style = getComputedStyle(terminal);
  const inner = (all, ...paddings) => paddings.reduce((left, each) => left - parseFloat(style[each]), all);
  return {
    columns: Math.max(2, Math.floor((inner(terminal.clientWidth, "paddingLeft", "paddingRight") * 100) / width)),
    rows: Math.max(2, Math.floor(inner(terminal.clientHeight, "paddingTop", "paddingBottom") / line)),
  };
}

function refit() {
  const size = fit();
  if (size.columns === fitting.columns && size.rows === fitting.rows) return;
  Object.assign(fitting, size);
  say({ kind: "size", ...size });
}
new ResizeObserver(refit).observe(terminal);
window.addEventListener("focus", () => say({ kind: "size", ...fitting })); // another page may have sized it since

// The keyboard.

function empty() {
  keyboard.value = BLANK;
  keyboard.setSelectionRange(BLANK.length, BLANK.length);
}
empty();

keyboard.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  const copies = event.ctrlKey && event.key.toLowerCase() === "c" && !getSelection().isCollapsed;
  if (copies || (event.shiftKey && event.key === "Insert")) return;
  const text = sent(event, screen.modes);
  if (text === null) return;
  event.preventDefault();
  type(text);
});
keyboard.addEventListener("beforeinput", (event) => {
  if (event.isComposing) return;
  const { inputType, data } = event;
  const meant = { deleteContentBackward: "\x7f", insertLineBreak: "\r", insertParagraph: "\r" }[inputType] ?? data;
  event.preventDefault();
  if (inputType !== "insertFromPaste" && meant) type(meant);
});
keyboard.addEventListener("compositionend", ({ data }) => {
  if (data) type(data);
  empty();
});
document.addEventListener("paste", (event) => {
  event.preventDefault();
  const text = event.clipboardData.getData("text").replace(/\r?\n/g, "\r").replaceAll("\x1b", "");
  type(screen.modes.paste ? `\x1b[200~${text}\x1b[201~` : text);
});
document.addEventListener("copy", () => setTimeout(() => getSelection().removeAllRanges()));
terminal.addEventListener("mouseup", () => getSelection().isCollapsed && keyboard.focus({ preventScroll: true }));
for (const button of document.querySelectorAll("[data-key]")) {
  button.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps its focus
  button.addEventListener("click", () => {
    const key = { key: button.dataset.key, ctrlKey: "control" in button.dataset };
    type(sent({ altKey: false, shiftKey: false, metaKey: false, ...key }, screen.modes));
  });
}
keyboard.focus({ preventScroll: true });
