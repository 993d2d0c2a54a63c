/** A trace as strace shows one, a line for each record. */
import type { TraceCall, TraceLine, TraceValue } from "./line.ts";

function shown(value: TraceValue): string {
  if (typeof value === "string") {
    return /^(0x[0-9a-f]+|[A-Z_a-z0-9]+)$/.test(value) ? value : JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map(shown).join(", ")}]`;
  if (typeof value === "object") {
    return `{${Object.entries(value).map(([name, inner]) => `${name}=${shown(inner)}`).join(", ")}}`;
  }
  return String(value);
}

const named = (args: TraceCall["args"]) =>
  Object.entries(args).map(([name, value]) => `${name}=${shown(value)}`).join(", ");

/** Local time of day with microseconds. */
function timeOfDay(at: number): string {
  const micros = Math.round(at * 1000);
  return `${new Date(Math.floor(micros / 1000)).toTimeString().slice(0, 8)}.${
    String(micros % 1_000_000).padStart(6, "0")
  }`;
}

function body(line: TraceCall): string {
  const { name, op, args, rip, result, errno, us } = line;
  const first = op === undefined ? [] : [op];
  const call = `${name}(${
    [...first, ...Object.entries(args).map(([key, value]) => `${key}=${shown(value)}`)].join(", ")
  })`;
  switch (line.type) {
    case "hypercall": {
      const end = line.continues ? "..." : `= ${result ?? "?"}${errno === undefined ? "" : ` ${errno}`}`;
      return `${line.inner ? "  " : ""}${call} ${end}${
        us === undefined ? "" : ` <${(us / 1e6).toFixed(6)}>`
      }`;
    }
    case "trap":
      return `--- ${name} {${named(args)}} at ${rip} ---`;
    case "event":
      return `+++ ${name}${Object.keys(args).length === 0 ? "" : ` {${named(args)}}`} +++`;
    case "grant":
      return `  grant ${name}{${named(args)}} = ${result}${errno === undefined ? "" : ` ${errno}`}`;
  }
}

export function traceText(line: TraceLine): string {
  if (line.type === "lost") return `${timeOfDay(line.at)} ??? ${line.count} lost ???`;
  return `${timeOfDay(line.at)} d${line.domid}v${line.vcpu} ${body(line)}`;
}
