import type { Runner } from "../spec.ts";
import { xend, type XendCommand } from "../xend.ts";

const ACTIONS: readonly XendCommand["action"][] = ["start", "stop", "restart", "status"];
/** xend's port of old. */
const HTTP_PORT = 8000;

export const runXendCommand: Runner = (invocation, context) => {
  const action = ACTIONS.find((name) => name === invocation.words[0]) ?? "status";
  const http = invocation.number("http", 0, 65535);
  return xend({
    action,
    json: invocation.json,
    foreground: invocation.has("foreground"),
    pcpus: invocation.number("pcpus", 1, 4096),
    httpPort: invocation.has("http") ? http ?? HTTP_PORT : undefined,
    metrics: invocation.has("metrics"),
    consoleLogs: invocation.has("console-logs"),
  }, { say: (line) => context.say(line), print: (text) => context.print(text) });
};
