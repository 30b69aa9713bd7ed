// The grid of a terminal: what its program has made of it. Knows nothing of the page that shows it.

const HISTORY = 2000; // lines that have left at the top
const TAB = 8;
export const PLAIN = Object.freeze({});
const WIDE = /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const MARK = /^[\p{Mn}\p{Me}\p{Cf}]$/u; // takes no cell of its own
const LINES = "◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·"; // what ` to ~ mean in the VT100's second set

export class Screen {
  constructor(columns, rows) {
    this.columns = columns;
    this.rows = rows;
    this.bells = 0;
    this.reset();
  }

  reset() {
    this.history = [];
    this.left = 0; // how many lines ever left at the top; history has the last of them
    this.style = PLAIN;
    this.lines = Array.from({ length: this.rows }, () => this.blankLine());
    this.other = null; // the main screen's lines, while a program shows the alternate one
    this.modes = { wrap: true, cursor: true, insert: false, arrows: false, paste: false };
    this.top = 0;
    this.bottom = this.rows - 1;
    this.row = 0;
    this.column = 0;
    this.full = false; // the last column is written, and the next character begins a line
    this.drawing = false;
    this.last = " ";
    this.saved = null;
  }

  resize(columns, rows) {
    if (columns === this.columns && rows === this.rows) return;
    for (const lines of [this.lines, this.other].filter(Boolean)) {
      const inUse = lines === this.lines ? this.row + 1 : lines.length;
      while (lines.length > rows && lines.length > inUse) lines.pop();
      while (lines.length > rows) {
        const line = lines.shift();
        if (lines === this.lines) this.row = Math.max(0, this.row - 1);
        if (lines === (this.other ?? this.lines)) this.keep(line);
      }
    }
    this.columns = columns;
    this.rows = rows;
    for (const lines of [this.lines, this.other].filter(Boolean)) {
      for (const line of lines) {
        while (line.cells.length < columns) line.cells.push([" ", PLAIN]);
        line.version += 1;
      }
      while (lines.length < rows) lines.push(this.blankLine());
    }
    this.top = 0;
    this.bottom = rows - 1;
    this.goTo(this.row, this.column);
  }

  // Text.

  write(text) {
    const { columns, style, modes } = this;
    for (const character of text) {
      if (character > "~" || this.column >= columns - 1 || this.drawing || modes.insert) this.put(character);
      else this.lines[this.row].cells[this.column++] = [character, style];
    }
    if (text.at(-1) <= "~") this.last = text.at(-1);
    this.touch(this.row);
  }

  put(character) {
    const shown = this.drawing && character >= "`" && character <= "~" ? LINES[character.charCodeAt(0) - 96] : character;
    if (shown > "~" && MARK.test(shown)) return this.join(shown);
    const width = shown > "\u10ff" && WIDE.test(shown) ? 2 : 1;
    if ((this.full || this.column + width > this.columns) && this.modes.wrap) {
      this.column = 0;
      this.feed();
    }
    this.full = false;
    this.last = character;
    this.column = Math.min(this.column, this.columns - width);
    if (this.modes.insert) this.insertCells(width);
    const line = this.touch(this.row);
    line.cells[this.column] = [shown, this.style];
    if (width === 2) line.cells[this.column + 1] = ["", this.style];
    this.column += width;
    if (this.column >= this.columns) {
      this.column = this.columns - 1;
      this.full = true;
    }
  }

  join(mark) {
    let column = this.full ? this.column : Math.max(0, this.column - 1);
    const line = this.touch(this.row);
    if (line.cells[column][0] === "" && column > 0) column -= 1;
    const [character, style] = line.cells[column];
    if (character.length < 16) line.cells[column] = [character + mark, style];
  }

  // The cursor.

  goTo(row, column) {
    this.row = Math.min(Math.max(row, 0), this.rows - 1);
    this.column = Math.min(Math.max(column, 0), this.columns - 1);
    this.full = false;
  }

  up(count) {
    const edge = this.row >= this.top ? this.top : 0;
    this.goTo(Math.max(this.row - count, edge), this.column);
  }

  down(count) {
    const edge = this.row <= this.bottom ? this.bottom : this.rows - 1;
    this.goTo(Math.min(this.row + count, edge), this.column);
  }

  tab(count) {
    const stop = (Math.floor(this.column / TAB) + count) * TAB;
    this.goTo(this.row, count > 0 || this.column % TAB === 0 ? stop : stop + TAB);
  }

  feed() {
    this.full = false;
    if (this.row === this.bottom) this.scroll(1);
    else if (this.row < this.rows - 1) this.row += 1;
  }

  reverseFeed() {
    if (this.row === this.top) this.scroll(-1);
    else this.goTo(this.row - 1, this.column);
  }

  save() {
    this.saved = { row: this.row, column: this.column, style: this.style, drawing: this.drawing };
  }

  restore() {
    const { row, column, style, drawing } = this.saved ?? { row: 0, column: 0, style: PLAIN, drawing: false };
    Object.assign(this, { style, drawing });
    this.goTo(row, column);
  }

  // Lines.

  scroll(count) {
    this.moveLines(this.top, count, this.top === 0 && this.other === null);
  }

  insertLines(count) {
    if (this.row >= this.top && this.row <= this.bottom) this.moveLines(this.row, -count, false);
  }

  deleteLines(count) {
    if (this.row >= this.top && this.row <= this.bottom) this.moveLines(this.row, count, false);
  }

  moveLines(from, count, keep) {
    for (let left = Math.min(Math.abs(count), this.bottom - from + 1); left > 0; left -= 1) {
      const [gone] = this.lines.splice(count > 0 ? from : this.bottom, 1);
      this.lines.splice(count > 0 ? this.bottom : from, 0, this.blankLine());
      if (keep && count > 0) this.keep(gone);
    }
  }

  keep(line) {
    this.history.push(line);
    this.left += 1;
    if (this.history.length > 2 * HISTORY) this.history.splice(0, HISTORY);
  }

  setRegion(top, bottom) {
    if (top >= bottom || bottom >= this.rows) [top, bottom] = [0, this.rows - 1];
    Object.assign(this, { top, bottom });
    this.goTo(0, 0);
  }

  showAlternate(wanted) {
    if (wanted === (this.other !== null)) return;
    if (wanted) {
      this.other = this.lines;
      this.lines = Array.from({ length: this.rows }, () => this.blankLine());
    } else {
      this.lines = this.other;
      this.other = null;
    }
    this.top = 0;
    this.bottom = this.rows - 1;
  }

  // Cells.

  insertCells(count) {
    const { cells } = this.touch(this.row);
    for (let left = Math.min(count, this.columns - this.column); left > 0; left -= 1) {
      cells.splice(this.column, 0, this.blank());
    }
    cells.length = this.columns; // what lies beyond, from when the screen was wider, is of no line any more
  }

  deleteCells(count) {
    const { cells } = this.touch(this.row);
    cells.length = this.columns;
    cells.splice(this.column, count);
    while (cells.length < this.columns) cells.push(this.blank());
  }

  erase(row, from, to) {
    const { cells } = this.touch(row);
    for (let column = Math.max(from, 0); column < Math.min(to, this.columns); column += 1) cells[column] = this.blank();
    if (to >= this.columns) cells.length = this.columns;
  }

  eraseLine(what) {
    if (what === 0) this.erase(this.row, this.column, this.columns);
    if (what === 1) this.erase(this.row, 0, this.column + 1);
    if (what === 2) this.erase(this.row, 0, this.columns);
  }

  eraseDisplay(what) {
    if (what === 3) this.history = [];
    if (what < 2) this.eraseLine(what);
    for (let row = 0; row < this.rows; row += 1) {
      if (what === 2 || (what === 0 && row > this.row) || (what === 1 && row < this.row)) this.erase(row, 0, this.columns);
    }
  }

  blank() {
    return [" ", this.style.background === undefined ? PLAIN : Object.freeze({ background: this.style.background })];
  }

  blankLine() {
    return { cells: Array.from({ length: this.columns }, () => this.blank()), version: 0 };
  }

  touch(row) {
    this.lines[row].version += 1;
    return this.lines[row];
  }

  // What one sees, as text.
  text() {
    const shown = this.lines.map((line) => line.cells.slice(0, this.columns).map(([character]) => character).join("").trimEnd());
    return shown.join("\n").trimEnd();
  }
}
