/** Streams of bytes: the console, serial and parallel ports, channels. */
import type { KeyValues } from "../keys/mod.ts";
import type { Losses } from "../losses.ts";
import { Parameters } from "./parameters.ts";
import { element } from "./xml.ts";

interface Stream {
  readonly type: string;
  readonly content: readonly string[];
}

const HOST_AND_PORT = /^([^:,@]*):([^,@]+)/;

/** Of a server that waits for whoever connects, or of a client. */
const modeOf = (options: string) => /,server\b/.test(options) ? "bind" : "connect";

/** QEMU's words for where a character device leads to, which xm and xl hand on (xenParseSxprChar). */
function stream(value: string): Stream | undefined {
  if (value.startsWith("/")) return { type: "dev", content: [element("source", { path: value })] };
  const colon = value.indexOf(":");
  const [kind, rest] = colon < 0 ? [value, ""] : [value.slice(0, colon), value.slice(colon + 1)];
  const [path] = rest.split(",");
  switch (kind) {
    case "pty":
    case "null":
    case "stdio":
    case "vc":
      return { type: kind, content: [] };
    case "file":
    case "pipe":
      return { type: kind, content: [element("source", { path: rest })] };
    case "unix":
      return { type: "unix", content: [element("source", { mode: modeOf(rest), path })] };
    case "tcp":
    case "telnet": {
      const [match, host, service] = HOST_AND_PORT.exec(rest) ?? [];
      if (match === undefined) return undefined;
      return {
        type: "tcp",
        content: [
          element("source", { mode: modeOf(rest), host, service }),
          element("protocol", { type: kind === "telnet" ? "telnet" : "raw" }),
        ],
      };
    }
    case "udp": {
      const [to, from] = rest.split("@").map((place) => HOST_AND_PORT.exec(place));
      if (to === null) return undefined;
      const source = (mode: string, [, host, service]: RegExpExecArray) =>
        element("source", { mode, host: host || undefined, service });
      return {
        type: "udp",
        content: [source("connect", to), ...from ? [source("bind", from)] : []],
      };
    }
    default:
      return undefined;
  }
}

function port(kind: "serial" | "parallel", value: string, number: number, losses: Losses): string[] {
  if (value === "none" || value === "") return [];
  const led = stream(value);
  if (led === undefined) {
    losses.say(kind, JSON.stringify(value));
    return [];
  }
  return [element(kind, { type: led.type }, [...led.content, element("target", { port: number })])];
}

function channel(spec: string, losses: Losses): string[] {
  const parameters = new Parameters(spec);
  const [connection, path, name] = ["connection", "path", "name"].map((word) => parameters.get(word));
  const target = element("target", { type: "xen", name });
  const lost = parameters.unseen();
  if (lost.length > 0) losses.say("channel", `${lost.join(", ")} of ${name ?? spec}`);
  if (connection === "pty") return [element("channel", { type: "pty" }, [target])];
  if (connection === "socket" && path !== undefined) {
    return [element("channel", { type: "unix" }, [element("source", { mode: "bind", path }), target])];
  }
  losses.say(
    "channel",
    `${JSON.stringify(spec)}, which says neither connection=pty nor connection=socket,path=PATH,`,
  );
  return [];
}

export function characterDevices(values: KeyValues, isHvm: boolean, losses: Losses): string[] {
  const channels = (values.channel ?? []).flatMap((spec) => channel(spec, losses));
  if (!isHvm) {
    const target = element("target", { type: "xen", port: 0 });
    return [element("console", { type: "pty" }, [target]), ...channels];
  }
  const { serial = [], parallel } = values;
  const serials = (typeof serial === "string" ? [serial] : serial).flatMap((value, number) =>
    port("serial", value, number, losses)
  );
  return [
    ...serials,
    ...parallel === undefined ? [] : port("parallel", parallel, 0, losses),
    // The console of an HVM guest is its first serial port.
    ...serials.length === 0
      ? []
      : [element("console", { type: "pty" }, [element("target", { type: "serial", port: 0 })])],
    ...channels,
  ];
}
