// What each key sends to a program, as xterm has it.

const ALWAYS = { Enter: "\r", Backspace: "\x7f", Tab: "\t", Escape: "\x1b" };
const LETTERED = { ArrowUp: "A", ArrowDown: "B", ArrowRight: "C", ArrowLeft: "D", End: "F", Home: "H" };
const NUMBERED = { Insert: 2, Delete: 3, PageUp: 5, PageDown: 6, F5: 15, F6: 17, F7: 18, F8: 19, F9: 20, F10: 21, F11: 23, F12: 24 };
const FUNCTIONS = { F1: "P", F2: "Q", F3: "R", F4: "S" };
const CONTROLLED = { " ": 0, "@": 0, "2": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "6": 30, "_": 31, "-": 31, "/": 31, "?": 127 };

// null: nothing special, the browser makes a character of it, or does what it does with it.
export function sent(event, { arrows }) {
  const { key, ctrlKey, altKey, shiftKey, metaKey } = event;
  if (metaKey) return null;
  const held = 1 + (shiftKey ? 1 : 0) + (altKey ? 2 : 0) + (ctrlKey ? 4 : 0);
  if (LETTERED[key]) return held > 1 ? `\x1b[1;${held}${LETTERED[key]}` : `\x1b${arrows ? "O" : "["}${LETTERED[key]}`;
  if (NUMBERED[key]) return held > 1 ? `\x1b[${NUMBERED[key]};${held}~` : `\x1b[${NUMBERED[key]}~`;
  if (FUNCTIONS[key]) return `\x1bO${FUNCTIONS[key]}`;
  if (key === "Tab" && shiftKey) return "\x1b[Z";
  const before = altKey ? "\x1b" : "";
  if (ALWAYS[key]) return before + ALWAYS[key];
  if (key.length !== 1) return null;
  if (ctrlKey && altKey) return null; // AltGr
  if (ctrlKey) return shiftKey && /[a-z]/i.test(key) ? null : controlled(key);
  return altKey ? before + key : null;
}

function controlled(key) {
  if (/[a-z]/i.test(key)) return String.fromCharCode(key.toUpperCase().charCodeAt(0) - 64);
  return key in CONTROLLED ? String.fromCharCode(CONTROLLED[key]) : null;
}
