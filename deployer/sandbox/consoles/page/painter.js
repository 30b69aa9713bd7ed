// Shows a screen in the page: one element for each line, one span for each run of characters that look alike.

import { PLAIN } from "./screen.js";

const SHOWN = 2000; // lines of the past
const STEPS = [0, 95, 135, 175, 215, 255];

export class Painter {
  constructor(screen, { terminal, history, live, cursor, keyboard }) {
    Object.assign(this, { screen, terminal, history, live, cursor, keyboard });
    this.left = 0;
    this.shown = []; // for each line of the screen: [line, version]
    this.waiting = false;
  }

  // However much comes, it is painted once a frame.
  later() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
    });
  }

  paint() {
    const { terminal } = this;
    const follows = terminal.scrollTop + terminal.clientHeight >= terminal.scrollHeight - 4;
    this.paintHistory();
    this.paintLive();
    this.paintCursor();
    if (follows) terminal.scrollTop = terminal.scrollHeight;
  }

  paintHistory() {
    const { screen, history } = this;
    const wanted = Math.min(screen.history.length, SHOWN);
    if (screen.left < this.left) this.left = 0; // the screen was reset
    const more = Math.min(screen.left - this.left, wanted);
    if (more === wanted) history.replaceChildren();
    while (history.childElementCount > wanted - more) history.firstChild.remove();
    history.append(...screen.history.slice(screen.history.length - more).map((line) => drawn(line)));
    this.left = screen.left;
  }

  paintLive() {
    const { screen, live } = this;
    while (live.childElementCount > screen.rows) live.lastChild.remove();
    this.shown.length = Math.min(this.shown.length, screen.rows);
    screen.lines.forEach((line, row) => {
      const [before, version] = this.shown[row] ?? [];
      const now = `${line.version} ${screen.columns}`;
      if (before === line && version === now) return;
      this.shown[row] = [line, now];
      if (live.children[row]) live.children[row].replaceWith(drawn(line, screen.columns));
      else live.append(drawn(line, screen.columns));
    });
  }

  paintCursor() {
    const { screen, cursor, keyboard, live } = this;
    cursor.hidden = !screen.modes.cursor;
    for (const each of [cursor, keyboard]) {
      each.style.left = `calc(${live.offsetLeft}px + ${screen.column}ch)`;
      each.style.top = `calc(${live.offsetTop}px + ${screen.row} * var(--line))`;
    }
  }
}

function drawn(line, columns = Infinity) {
  const element = document.createElement("div");
  const { cells } = line;
  let end = Math.min(cells.length, columns); // what is blank to the end is left out, so that copied text has no tails
  while (end > 0 && cells[end - 1][0] === " " && cells[end - 1][1] === PLAIN) end -= 1;
  for (let from = 0; from < end; ) {
    const style = cells[from][1];
    let to = from;
    let text = "";
    while (to < end && cells[to][1] === style) text += cells[to++][0];
    element.append(style === PLAIN ? text : run(text, style));
    from = to;
  }
  return element;
}

function run(text, style) {
  const span = document.createElement("span");
  span.textContent = text;
  for (const name of ["bold", "faint", "italic", "underlined", "struck", "hidden"]) if (style[name]) span.classList.add(name);
  let [colour, background] = [shade(style.colour, style.bold), shade(style.background)];
  if (style.inverse) [colour, background] = [background ?? "var(--paper)", colour ?? "var(--ink)"];
  if (colour) span.style.color = colour;
  if (background) span.style.backgroundColor = background;
  return span;
}

function shade(colour, bold = false) {
  if (typeof colour !== "number") return colour;
  if (colour < 16) return `var(--c${bold && colour < 8 ? colour + 8 : colour})`;
  if (colour >= 232) return `rgb(${Array(3).fill(8 + 10 * (colour - 232))})`;
  const cube = colour - 16;
  return `rgb(${[Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((each) => STEPS[each])})`;
}
