/** `trace` and `gdb`. */
import type { TraceLine } from "../../trace/line.ts";
import { CommandError } from "../errors.ts";
import type { Context } from "../context.ts";
import type { Runner } from "../spec.ts";
import { about, json } from "./domains.ts";

const LAST_PORT = 65535;

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}

/** Where a trace goes: a file, or standard output. */
function writerOf(path: string | undefined, context: Context): { write(text: string): void; close(): void } {
  if (path === undefined) return { write: (text) => context.print(text), close: () => {} };
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path, { write: true, create: true, truncate: true });
  } catch (error) {
    throw new CommandError(`${path}: ${error instanceof Error ? error.message : error}`, "failed", {
      cause: error,
    });
  }
  const encoder = new TextEncoder();
  return {
    write(text) {
      for (let rest = encoder.encode(text); rest.length > 0;) rest = rest.subarray(file.writeSync(rest));
    },
    close: () => file.close(),
  };
}

/** Ctrl-C ends the trace, and then the summary is printed. */
function onInterrupt(action: () => void): () => void {
  Deno.addSignalListener("SIGINT", action);
  return () => Deno.removeSignalListener("SIGINT", action);
}

export const trace: Runner = async (invocation, context) => {
  const [id] = invocation.words;
  const xend = await context.xend();
  const expression = invocation.text("expression");
  const seconds = invocation.text("for");
  if (seconds !== undefined && !(Number(seconds) > 0)) {
    throw new CommandError(`--for: expected seconds, found ${JSON.stringify(seconds)}`, "usage");
  }
  const request = {
    expressions: expression === undefined ? [] : expression.split(/[;\s]+/).filter((part) => part !== ""),
    seconds: seconds === undefined ? undefined : Number(seconds),
  };
  const stream = await about(
    xend,
    id,
    () => xend.stream("POST", `/domains/${encodeURIComponent(id)}/trace`, request),
  );
  const writer = writerOf(invocation.text("output"), context);
  const { traceText } = await import("../../trace/text.ts");
  const { TraceSummary } = await import("../../trace/summary.ts");
  const summary = invocation.has("count") ? new TraceSummary() : undefined;
  const lines = linesOf(stream);
  let isInterrupted = false;
  const interrupted = Promise.withResolvers<IteratorResult<string>>();
  const forget = onInterrupt(() => {
    isInterrupted = true;
    interrupted.resolve({ done: true, value: undefined });
  });
  try {
    for (;;) {
      const { done, value } = await Promise.race([lines.next(), interrupted.promise]);
      if (done === true) break;
      const line = JSON.parse(value) as TraceLine;
      if (summary !== undefined) summary.add(line);
      else writer.write(invocation.json ? `${value}\n` : `${traceText(line)}\n`);
    }
    if (summary !== undefined) {
      writer.write(
        invocation.json ? json({ rows: summary.rows(), lost: summary.lost }) : summary.text(),
      );
    }
  } finally {
    forget();
    writer.close();
    if (isInterrupted) stream.cancel().catch(() => {});
  }
  return 0;
};

export const gdb: Runner = async (invocation, context) => {
  const [id] = invocation.words;
  const xend = await context.xend();
  const port = invocation.number("port", 1, LAST_PORT);
  const { address } = await about(xend, id, () => xend.gdb(id, { port, pause: invocation.has("pause") }));
  if (invocation.json) context.print(json({ address }));
  else context.print(`${id}: gdb connects by\n  target remote ${address}\n`);
  return 0;
};
