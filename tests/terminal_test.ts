/** The console in a terminal: keys go to the guest one by one, ^] leaves; the demo as a user meets it. */
import assert from "node:assert/strict";
import { OFFLINE } from "./guests.ts";
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

Deno.test({
  name:
    "the demo is Debian's shell: the terminal's size, line editing, ^C for the guest, poweroff ends with 0",
  ignore: OFFLINE || !hasScript(),
  fn: async () => {
    await using session = new Session(["demo"], { TERM: "vt220" }, { rows: 37, columns: 111 });
    const prompt = () => session.expect(/xenolith:.*# /, 180);
    await prompt();
    await session.send("stty size; echo terminal-$TERM\r");
    await session.expect(/\n37 111\r+\nterminal-vt220\r/, 60);
    await prompt();
    // Three times left and a letter put in; the start and the end of the line.
    await session.send("cho wrld\x1b[D\x1b[D\x1b[Do\x01e\x05-edited\r");
    await session.expect(/\nworld-edited\r/, 60);
    await prompt();
    await session.send("sleep 1000; echo status $?\r");
    await session.expect(/sleep 1000[^\n]*\n/, 60);
    // The shell must be asleep by then, or the key would only end its line.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await session.send("\x03");
    await prompt();
    // The terminal has another size from now on: it says so when it is asked.
    await session.send("resize; stty size\r");
    // The shell asks for its own purposes at each prompt, without moving before.
    await session.expect("\x1b[999;999H\x1b[6n", 60);
    await session.send("\x1b[48;132R");
    await session.expect("\x1b848 132\r", 60);
    await prompt();
    await session.send("poweroff\r");
    const { code, stdout } = await session.finish(180);
    assert.equal(code, 0, stdout.slice(-1500));
    assert.match(stdout, /debian-shell powered off/);
  },
});
