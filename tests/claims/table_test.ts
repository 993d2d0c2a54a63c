import assert from "node:assert/strict";
import { type Claim, parseClaims } from "./claim.ts";
import { CLOSE, OPEN, table, withTable } from "./table.ts";

const text = JSON.stringify({
  claims: [
    {
      id: "boots",
      capability: "a | b",
      on: "GRUB",
      command: ["xenolith", "demo"],
      judge: { kind: "guest's own output", steps: [{ await: "> $" }] },
    },
    { id: "later", capability: "disks", absent: "ignored" },
  ],
});

Deno.test("a table says what was shown, what failed and what is not done", () => {
  const [boots, later] = parseClaims(text);
  const rows = (held: boolean) =>
    table([{ claim: boots, outcome: { held, finding: "3 %" } }, { claim: later }]);
  assert.match(rows(true), /^\| a \\\| b +\| GRUB +\| guest's own output \| shown \(3 %\) +\|$/m);
  assert.match(rows(false), /\| FAILED \(3 %\) +\|$/m);
  assert.match(rows(true), /^\| disks +\| +\| +\| not done: ignored \|$/m);
  assert.match(table([{ claim: boots }]), /\| not run +\|$/m);
});

Deno.test("the table takes the place of the one before, between its markers", () => {
  const results = [{ claim: parseClaims(text)[1] }];
  const first = withTable(`before\n${OPEN}\nold\n${CLOSE}\nafter\n`, results);
  assert.ok(first.startsWith(`before\n${OPEN}\n\n| capability`) && first.endsWith(`\n\n${CLOSE}\nafter\n`));
  assert.equal(withTable(first, results), first);
  assert.throws(() => withTable("nothing", results), /no lines/);
});

Deno.test("claims are checked as they are read", () => {
  const [boots] = parseClaims(text) as [Claim];
  assert.equal(boots.judge.kind === "guest's own output" && boots.judge.exit, 0);
  assert.throws(() => parseClaims(text.replace('"> $"', '"("')), /claims\.json/);
  assert.throws(() => parseClaims(text.replace('"later"', '"boots"')), /two claims are called boots/);
  assert.throws(() => parseClaims(text.replace('"judge"', '"jugde"')), /claims\.json/);
});

Deno.test("the claims of this tree can be read, and the README has their table's place", async () => {
  const claims = parseClaims(await Deno.readTextFile(new URL("../claims.json", import.meta.url)));
  assert.ok(claims.length > 0);
  const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
  for (const { capability } of claims) {
    assert.ok(readme.includes(capability.replaceAll("|", "\\|")), `README.md does not name: ${capability}`);
  }
});
