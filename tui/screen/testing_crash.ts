/** Crashes with the screen entered, in the way that the argument names; crash_guard_test.ts looks at what it leaves behind. */
import { guardTerminal } from "./crash_guard.ts";
import { Screen } from "./screen.ts";
import { FakeTerminal } from "./testing.ts";

const terminal = new FakeTerminal(20, 3);
const encoder = new TextEncoder();
terminal.onWrite = (text) => {
  Deno.stdout.writeSync(encoder.encode(text));
};
const screen = new Screen(terminal);
guardTerminal(() => screen.leave());
screen.enter();
screen.stdout.write("shown");
const [way] = Deno.args;
setTimeout(() => {
  if (way === "throw") throw new Error("on purpose");
  if (way === "reject") Promise.reject(new Error("on purpose"));
  if (way === "exit") Deno.exit(7);
  if (way === "signal") Deno.kill(Deno.pid, "SIGTERM");
}, 20);
if (way === "signal") setTimeout(() => {}, 10_000);
