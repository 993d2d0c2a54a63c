/** ^Z, as a user of a shell has it. */
import assert from "node:assert/strict";
import { CLEAR_ESCAPE } from "./key_bytes.ts";
import { ScreenSession } from "./screen_session.ts";
import { XendPlace } from "./xend_place.ts";

const place = new XendPlace();
Deno.test.beforeAll(() => place.start("alpha"));
Deno.test.afterAll(() => place.stop());

Deno.test("the dashboard: ^Z leaves the terminal to the shell, whose fg comes back to it, more than once", async () => {
  const size = { rows: 24, columns: 80, shell: "env PS1='ready> ' bash --norc --noprofile -i" };
  await using top = new ScreenSession([], size, place.environment);
  await top.waitFor(/^ready>/m);
  await top.press('eval "$SESSION_COMMAND" top -d 1\r');
  await top.waitFor(/^alpha /m);
  for (const where of ["", "?"]) {
    await top.press(where);
    if (where === "?") await top.waitFor(/Help: keys/);
    await top.press("\x1a");
    await top.waitFor(/Stopped[^]*^ready>/m);
    assert.equal(top.terminal.buffer.active.type, "normal");
    // What a program finds that the shell starts.
    await top.press(`stty -a | tr " ;" "\\n\\n" | grep -xE "icanon|echo|isig" | sort | xargs\r`);
    await top.waitFor(/^echo icanon isig$/m);
    await top.press("fg\r");
    // What was on the screen is there again.
    await top.waitFor(where === "?" ? /Help: keys/ : /^alpha /m);
    assert.equal(top.terminal.buffer.active.type, "alternate");
    await top.press(`${CLEAR_ESCAPE}p`);
    await top.waitFor(/^Busiest vCPUs/m);
    await top.press(CLEAR_ESCAPE);
    await top.waitFor(/^alpha /m);
  }
  await top.press("q");
  await top.waitFor((screen) => screen.trimEnd().endsWith("ready>"));
  await top.press("exit\r");
  assert.equal((await top.finish()).code, 0);
});
