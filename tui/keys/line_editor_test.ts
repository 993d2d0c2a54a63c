import assert from "node:assert/strict";
import { edit, type EditLine, EMPTY_LINE, insert, lineOf } from "./line_editor.ts";
import { keyPress } from "./key_names.ts";
import { commandLine, splitWords } from "./words.ts";
import fc from "fast-check";

const keys = (line: EditLine, ...names: string[]) =>
  names.reduce((at, name) => edit(at, keyPress(name)), line);

Deno.test("a line is edited by code points", () => {
  assert.deepEqual(keys(EMPTY_LINE, "a", "ü", "Space", "𝄞"), { text: "aü 𝄞", cursor: 4 });
  assert.deepEqual(keys(lineOf("a𝄞b"), "Left", "Backspace"), { text: "ab", cursor: 1 });
  assert.deepEqual(keys(lineOf("abc"), "Home", "Delete", "x"), { text: "xbc", cursor: 1 });
  assert.deepEqual(keys(lineOf("one two  "), "^W"), { text: "one ", cursor: 4 });
  assert.deepEqual(keys(lineOf("abc"), "Left", "^U"), { text: "c", cursor: 0 });
  assert.deepEqual(keys(lineOf("abc"), "Left", "^K"), { text: "ab", cursor: 2 });
  assert.deepEqual(keys(lineOf("abc"), "^A", "^E", "Right"), { text: "abc", cursor: 3 });
  assert.deepEqual(insert(lineOf("ab"), "x\r\ny\x1b"), { text: "abxy", cursor: 4 });
});

Deno.test("a key that edits nothing leaves the line as it is", () => {
  const line = lineOf("abc");
  assert.equal(edit(line, keyPress("Right")), line);
  assert.equal(edit(line, keyPress("F5")), line);
});

Deno.test("words are split as a shell splits them", () => {
  assert.deepEqual(splitWords("pause guest"), ["pause", "guest"]);
  assert.deepEqual(splitWords("  rename 'a b'  \"c \\\" d\" e\\ f '' "), [
    "rename",
    "a b",
    'c " d',
    "e f",
    "",
  ]);
  assert.throws(() => splitWords("list 'web"), SyntaxError);
  assert.throws(() => splitWords("list web\\"), SyntaxError);
});

Deno.test("a command line as it is shown reads as the words that it was made of", () => {
  assert.equal(commandLine(["pause", "guest"]), "xenolith pause guest");
  assert.equal(commandLine(["rename", "a b", "it's"]), "xenolith rename 'a b' 'it'\\''s'");
  fc.assert(fc.property(fc.array(fc.string()), (words) => {
    assert.deepEqual(splitWords(commandLine(words)), ["xenolith", ...words]);
  }));
});
