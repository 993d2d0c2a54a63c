/** The console in a terminal: keys go to the guest one by one, ^] leaves. */
import assert from "node:assert/strict";
import { Session } from "./session.ts";

function hasScript(): boolean {
  try {
    return new Deno.Command("script", { args: ["--version"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

Deno.test({
  name: "^] leaves the console; other keys, also ^C, reach the guest (needs script of util-linux)",
  ignore: !hasScript(),
  fn: async () => {
    await using session = new Session(["demo", "--guest", "builtin"], {}, true);
    await session.expect(/\^\] leaves it/);
    await session.expect(/Type help[\s\S]*> /);
    await session.send("ab\x03\x7f\x7fc\r");
    // The guest echoes, the terminal does not: each key is seen once, and ^C ends nothing.
    await session.expect("ab\x03\b \b\b \bc\r\n");
    await session.send("\x1d");
    await session.expect(/left the console of builtin; .* destroyed/);
    const { code, stdout } = await session.finish();
    assert.equal(code, 0);
    assert.ok(stdout.includes("\x1b[?25h"), "the cursor is given back");
  },
});
