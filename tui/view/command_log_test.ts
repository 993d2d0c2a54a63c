import assert from "node:assert/strict";
import type { Notice } from "../model/types.ts";
import type { Command } from "../keys/ui_state.ts";
import { commandLines } from "./command_log.ts";
import { eventLines } from "./events.ts";
import { lineWidth, plain } from "./line.ts";

Deno.test("a command line and what it printed are there in full, however narrow the screen", () => {
  const path = `/srv/${"configurations/".repeat(8)}web.cfg`;
  const command: Command = {
    id: 1,
    at: 0,
    line: `xenolith create ${path}`,
    state: "failed",
    output: `Using config file "${path}".\r\nxenolith: no such file\n`,
  };
  const lines = commandLines([command], 80);
  assert.ok(lines.every((line) => lineWidth(line) <= 80));
  const text = lines.map(plain);
  assert.match(text[0], /^\d\d:\d\d:\d\d {2}FAILED {2}xenolith create/);
  const at = text.findIndex((line) => line.startsWith("Using"));
  const joined = (from: number, to: number) => text.slice(from, to).map((line) => line.slice(18)).join("");
  assert.ok(joined(0, at).replace("create", "create ").endsWith(path), joined(0, at));
  assert.equal(text.at(-1), "xenolith: no such file");
  // Where there is room it is one line each.
  const roomy = commandLines([command], 300).map(plain);
  assert.equal(roomy.length, 3);
  assert.equal(roomy[2], "    xenolith: no such file");
  assert.match(plain(commandLines([], 80)[0]), /no command has run yet/);
});

Deno.test("a long event goes on below itself", () => {
  const notice: Notice = {
    at: 0,
    severity: "alert",
    domain: "web",
    text: "it has crashed ".repeat(10).trim(),
  };
  const lines = eventLines([notice], 80).map(plain);
  assert.ok(lines.length > 1 && lines.every((line) => line.length <= 80));
  assert.match(lines[0], /^\d\d:\d\d:\d\d {2}ALERT {3}web it has crashed/);
  assert.ok(lines.slice(1).every((line) => line.startsWith(" ".repeat(22))));
  assert.equal(lines.map((line) => line.slice(22)).join(" "), notice.text);
  assert.equal(eventLines([notice], 300).length, 1);
});
