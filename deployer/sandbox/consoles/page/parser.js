// Reads what a program sends to its terminal (ECMA-48 and what xterm made of it) and does it to a screen.

import { PLAIN } from "./screen.js";

const TEXT = /[^\x00-\x1f\x7f-\x9f]+/y;
const CONTROL = /\x1b\[([<=>?]?)([0-9;:]*)([ -/]*)([@-~])/y; // CSI
const STRING = /\x1b(?:\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\)/y; // titles and the like: dropped
const SHORT = /\x1b([ -/]*)([0-~])/y;
const UNFINISHED = /\x1b(?:\[[<=>?]?[0-9;:]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)$/y;
const LONGEST = 4096; // characters of a sequence; what goes on for longer is none

export class Parser {
  // `answer` is called with what a program wants to know of its terminal.
  constructor(screen, answer = () => {}) {
    this.screen = screen;
    this.answer = answer;
    this.rest = "";
  }

  write(more) {
    const text = this.rest + more;
    this.rest = "";
    let at = 0;
    const match = (pattern) => {
      pattern.lastIndex = at;
      const found = pattern.exec(text);
      if (found) at = pattern.lastIndex;
      return found;
    };
    while (at < text.length) {
      let found;
      if ((found = match(TEXT))) {
        this.screen.write(found[0]);
      } else if (text[at] !== "\x1b") {
        this.control(text[at]);
        at += 1;
      } else if ((found = match(CONTROL))) {
        this.sequence(found[1] + found[3], found[4], found[2]);
      } else if (match(STRING)) {
        // dropped
      } else if (text.length - at < LONGEST && (found = match(UNFINISHED))) {
        this.rest = found[0];
      } else if (text[at + 1] !== "[" && (found = match(SHORT))) {
        this.short(found[1], found[2]);
      } else {
        at += 1;
      }
    }
  }

  control(character) {
    const { screen } = this;
    if (character === "\r") screen.goTo(screen.row, 0);
    else if (character === "\n" || character === "\v" || character === "\f") screen.feed();
    else if (character === "\b") screen.goTo(screen.row, screen.column - 1);
    else if (character === "\t") screen.tab(1);
    else if (character === "\x07") screen.bells += 1;
  }

  short(between, last) {
    const { screen } = this;
    if (between === "(") screen.drawing = last === "0";
    else if (between === "#" && last === "8") this.fill();
    else if (between !== "") return;
    else if (last === "7") screen.save();
    else if (last === "8") screen.restore();
    else if (last === "D") screen.feed();
    else if (last === "E") this.nextLine();
    else if (last === "M") screen.reverseFeed();
    else if (last === "c") screen.reset();
  }

  nextLine() {
    this.screen.feed();
    this.screen.goTo(this.screen.row, 0);
  }

  sequence(mark, last, text) {
    const { screen } = this;
    const numbers = text.split(/[;:]/).map((each) => Math.min(Number(each) || 0, 9999));
    const [first] = numbers;
    const count = first || 1;
    if (mark === "?" && (last === "h" || last === "l")) return numbers.forEach((each) => this.mode(each, last === "h"));
    if (mark === "!" && last === "p") return this.softReset();
    if (mark !== "") return undefined;
    switch (last) {
      case "@": return screen.insertCells(count);
      case "A": return screen.up(count);
      case "B": case "e": return screen.down(count);
      case "C": case "a": return screen.goTo(screen.row, screen.column + count);
      case "D": return screen.goTo(screen.row, screen.column - count);
      case "E": screen.down(count); return screen.goTo(screen.row, 0);
      case "F": screen.up(count); return screen.goTo(screen.row, 0);
      case "G": case "`": return screen.goTo(screen.row, count - 1);
      case "H": case "f": return screen.goTo(count - 1, (numbers[1] || 1) - 1);
      case "I": return screen.tab(count);
      case "J": return screen.eraseDisplay(first);
      case "K": return screen.eraseLine(first);
      case "L": return screen.insertLines(count);
      case "M": return screen.deleteLines(count);
      case "P": return screen.deleteCells(count);
      case "S": return screen.scroll(count);
      case "T": return screen.scroll(-count);
      case "X": return screen.erase(screen.row, screen.column, screen.column + count);
      case "Z": return screen.tab(-count);
      case "b": return this.repeat(count);
      case "c": return this.answer("\x1b[?1;2c");
      case "d": return screen.goTo(count - 1, screen.column);
      case "h": case "l": if (numbers.includes(4)) screen.modes.insert = last === "h"; return undefined;
      case "m": return this.paint(numbers, text);
      case "n": return this.report(first);
      case "r": return screen.setRegion(count - 1, (numbers[1] || screen.rows) - 1);
      case "s": return screen.save();
      case "u": return screen.restore();
      default: return undefined;
    }
  }

  mode(number, on) {
    const { screen } = this;
    const names = { 1: "arrows", 7: "wrap", 25: "cursor", 2004: "paste" };
    if (names[number]) screen.modes[names[number]] = on;
    if (number === 1049 && on) screen.save();
    if (number === 47 || number === 1047 || number === 1049) screen.showAlternate(on);
    if (number === 1049 && on) screen.goTo(0, 0);
    if (number === 1049 && !on) screen.restore();
  }

  softReset() {
    Object.assign(this.screen, { style: PLAIN, drawing: false, top: 0, bottom: this.screen.rows - 1, saved: null });
    Object.assign(this.screen.modes, { wrap: true, cursor: true, insert: false, arrows: false });
  }

  repeat(count) {
    const most = this.screen.columns * this.screen.rows;
    for (let left = Math.min(count, most); left > 0; left -= 1) this.screen.put(this.screen.last);
  }

  fill() {
    for (let row = 0; row < this.screen.rows; row += 1) {
      const line = this.screen.touch(row);
      line.cells = line.cells.map(() => ["E", PLAIN]);
    }
  }

  report(what) {
    if (what === 5) this.answer("\x1b[0n");
    if (what === 6) this.answer(`\x1b[${this.screen.row + 1};${this.screen.column + 1}R`);
  }

  // Colours and the like (SGR).
  paint(numbers, text) {
    let style = { ...this.screen.style };
    for (let at = 0; at < numbers.length; at += 1) {
      const number = numbers[at];
      if (number === 38 || number === 48) {
        const name = number === 38 ? "colour" : "background";
        if (numbers[at + 1] === 5) style[name] = numbers[(at += 2)] & 255;
        else if (numbers[at + 1] === 2) {
          const extra = text.includes(`${number}:2::`) ? 1 : 0; // a colour space that nobody names
          style[name] = `rgb(${numbers.slice(at + 2 + extra, at + 5 + extra).map((each) => (each || 0) & 255)})`;
          at += 4 + extra;
        }
      } else style = painted(style, number);
    }
    this.screen.style = Object.keys(style).length ? Object.freeze(style) : PLAIN;
  }
}

const ON = { 1: "bold", 2: "faint", 3: "italic", 4: "underlined", 7: "inverse", 8: "hidden", 9: "struck", 21: "underlined" };
const OFF = { 22: ["bold", "faint"], 23: ["italic"], 24: ["underlined"], 27: ["inverse"], 28: ["hidden"], 29: ["struck"], 39: ["colour"], 49: ["background"] };

function painted(style, number) {
  if (number === 0) return {};
  if (ON[number]) style[ON[number]] = true;
  for (const name of OFF[number] ?? []) delete style[name];
  if (number >= 30 && number <= 37) style.colour = number - 30;
  if (number >= 40 && number <= 47) style.background = number - 40;
  if (number >= 90 && number <= 97) style.colour = number - 82;
  if (number >= 100 && number <= 107) style.background = number - 92;
  return style;
}
