import assert from "node:assert/strict";
import { sanitise, treeLine, unsanitise } from "./xenstore.ts";

Deno.test("values as Debian's tools escape them", () => {
  assert.equal(sanitise("a b\\c\t\n\r\x01\x7f\x1b"), "a b\\\\c\\t\\n\\r\\001\\x7f\\x1b");
  assert.equal(sanitise("é"), "\\xc3\\xa9");
  assert.equal(unsanitise("a b\\\\c\\t\\n\\r\\001\\x7f\\x1b"), "a b\\c\t\n\r\x01\x7f\x1b");
  assert.equal(unsanitise("\\xc3\\xa9 é \\q \\"), "é é q ");
  for (const text of ["", "plain", "x\\ny", "tab\there", "é\u{1f600}\\"]) {
    assert.equal(unsanitise(sanitise(text)), text);
  }
});

Deno.test("lines of xenstore-ls", () => {
  const node = { path: "/local/domain/0/name", name: "name", depth: 3, value: "Domain-0" };
  assert.equal(treeLine(node, { full: false }), '   name = "Domain-0"\n');
  assert.equal(treeLine(node, { full: true }), '/local/domain/0/name = "Domain-0"\n');
  assert.equal(
    treeLine({ ...node, permissions: ["n0", "r1"] }, { full: true }),
    '/local/domain/0/name = "Domain-0"   (n0,r1)\n',
  );
  // The dots stand on odd columns up to the 60th.
  const dotted = treeLine({ ...node, permissions: ["n0"] }, { full: false });
  assert.equal(
    dotted,
    `   name = "Domain-0" ${". ".repeat(19)}.  (n0)
`,
  );
  assert.equal(dotted.indexOf("  (n0)"), 60);
  const long = treeLine({ ...node, value: "x".repeat(100) }, { full: false });
  assert.equal(long, `   name = "${"x".repeat(80 - 8 - 7)}\\..."\n`);
  assert.ok(treeLine({ ...node, value: "x".repeat(100) }, { full: true }).includes("x".repeat(100)));
});
