// The live part of the page. Everything it writes was worded by the server, and is written as text.
"use strict";

const main = () => document.querySelector("main");
const link = document.getElementById("link");
let stream = null;
let fetching = false;
let again = false;

function connect() {
  const address = main().dataset.stream;
  if (stream && stream.address === address) return;
  if (stream) stream.close();
  stream = null;
  link.hidden = !address;
  if (!address) return;
  stream = new EventSource(address);
  stream.address = address;
  stream.onopen = () => say("updates by itself", false);
  stream.onerror = () => say("connection lost, trying again", true);
  stream.addEventListener("sites", (event) => {
    const { state, running } = JSON.parse(event.data);
    if (state !== main().dataset.state) refresh();
    running.forEach(show);
  });
  stream.addEventListener("progress", (event) => show(JSON.parse(event.data)));
  stream.addEventListener("log", (event) => append(JSON.parse(event.data)));
  stream.addEventListener("status", (event) => {
    if (JSON.parse(event.data).status !== main().dataset.status) refresh();
  });
  stream.addEventListener("end", () => {
    stream.close();
    refresh();
  });
}

function say(text, lost) {
  link.hidden = false;
  link.textContent = text;
  link.classList.toggle("lost", lost);
}

function show({ deployment, done, steps, words }) {
  const block = document.querySelector(`[data-run="${CSS.escape(deployment)}"]`);
  if (!block) return;
  const bar = block.querySelector("progress");
  if (steps) {
    bar.max = steps;
    bar.value = done;
  }
  for (const part of block.querySelectorAll("[data-part]")) part.textContent = words[part.dataset.part];
}

function append({ number, time, level, title, text }) {
  const log = document.getElementById("log");
  if (!log || number <= Number(log.dataset.seen)) return;
  log.dataset.seen = number;
  const line = document.createElement("li");
  line.className = level;
  const loud = level === "warning" || level === "error" ? [["em", "", level]] : [];
  for (const [kind, name, words] of [["span", "time", time], ["strong", "", title], ...loud, ["span", "text", text]]) {
    const part = document.createElement(kind);
    part.className = name;
    part.textContent = words;
    line.append(part, " ");
  }
  const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
  log.append(line);
  if (atEnd) log.scrollTop = log.scrollHeight;
  const empty = document.querySelector("[data-empty]");
  if (empty) empty.remove();
}

// While a deployment runs, its newest lines are what people came for.
function toTheEnd() {
  const log = document.getElementById("log");
  if (log && main().dataset.stream) log.scrollTop = log.scrollHeight;
}

// Puts the page's new main part in place of the old one, unless somebody is writing in it.
async function refresh() {
  again = true;
  if (fetching) return;
  fetching = true;
  while (again) {
    again = false;
    try {
      const answer = await fetch(location.pathname, { headers: { Accept: "text/html" }, redirect: "error" });
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      await nobodyWrites();
      replace(page.querySelector("main"));
    } catch {
      say("could not be updated, reload the page", true);
    }
  }
  fetching = false;
}

function nobodyWrites() {
  const field = document.activeElement;
  if (!field || !field.matches("main input:not([type=hidden]):not([type=checkbox])")) return null;
  return new Promise((resolve) => field.addEventListener("blur", resolve, { once: true }));
}

function replace(next) {
  const open = [...document.querySelectorAll("details[open]")].map((details) => details.id);
  const focused = [...document.querySelectorAll("main a, main button, main summary")].indexOf(document.activeElement);
  main().replaceWith(document.adoptNode(next));
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  toTheEnd();
  if (focused >= 0) document.querySelectorAll("main a, main button, main summary")[focused]?.focus();
  connect();
}

function ago(then) {
  const seconds = (Date.now() - Date.parse(then)) / 1000;
  if (seconds < 60) return null; // the server's words are good enough, or it is still to come
  for (const [size, unit] of [[86400, "day"], [3600, "h"], [60, "min"]]) {
    if (seconds >= (unit === "day" ? 2 * size : size)) {
      return `${Math.floor(seconds / size)} ${unit}${unit === "day" ? "s" : ""} ago`;
    }
  }
  return null;
}

setInterval(() => {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const words = ago(time.dateTime);
    if (words) time.textContent = words;
  }
}, 30000);

if (location.search.includes("said=")) history.replaceState(null, "", location.pathname);
toTheEnd();
connect();
