import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { LEAVE } from "./terminal_modes.ts";

const VICTIM = fileURLToPath(new URL("./testing_crash.ts", import.meta.url));

for (const [way, code] of [["throw", 1], ["reject", 1], ["exit", 7], ["signal", 143]] as const) {
  Deno.test(`the terminal is given back: ${way}`, async () => {
    const { stdout, stderr, code: status } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", VICTIM, way],
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert.ok(text.includes("shown"), text);
    assert.ok(text.endsWith(LEAVE), JSON.stringify(text));
    assert.equal(text.split(LEAVE).length, 2, "once");
    assert.equal(status, code, new TextDecoder().decode(stderr));
  });
}
