/** `uptime` (xl_info.c, uptime_to_string; xm's main.py). */
import { left, right } from "./text.ts";

/** H:MM:SS, from a day on with "N days, " before it. @param short without the seconds */
export function duration(seconds: number, short = false): string {
  const whole = Math.max(0, Math.floor(seconds));
  const days = Math.floor(whole / 86400);
  const [hours, minutes, rest] = [
    Math.floor(whole % 86400 / 3600),
    Math.floor(whole % 3600 / 60),
    whole % 60,
  ];
  const two = (value: number) => String(value).padStart(2, "0");
  const time = `${right(hours, 2)}:${two(minutes)}${short ? "" : `:${two(rest)}`}`;
  return days === 0 ? time : `${days} day${days === 1 ? "" : "s"}, ${time}`;
}

export interface Uptime {
  readonly name: string;
  readonly domid: number;
  readonly seconds: number;
}

export function uptimeTable(rows: readonly Uptime[], dialect: "xl" | "xm"): string {
  const header = `${left("Name", 33)} ${right("ID", 4)} Uptime${dialect === "xm" ? " " : ""}\n`;
  return header +
    rows.map(({ name, domid, seconds }) => `${left(name, 33)} ${right(domid, 4)} ${duration(seconds)}\n`)
      .join("");
}

/** @param now milliseconds since the epoch */
export function uptimeLines(rows: readonly Uptime[], now: number): string {
  const time = new Date(now).toTimeString().slice(0, 8);
  return rows.map(({ name, domid, seconds }) =>
    ` ${time} up ${duration(seconds, true)}, ${name} (${domid})\n`
  ).join("");
}
