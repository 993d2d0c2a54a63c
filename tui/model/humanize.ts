/** Numbers for people: sizes, rates, durations, times. */

const BINARY = ["B", "K", "M", "G", "T", "P"];
const DECIMAL = ["", "k", "M", "G", "T", "P"];

/** At most four digits and a unit: "999", "1.0k", "9.9k", "10k", "1023K". */
function scaled(value: number, step: number, units: readonly string[]): string {
  let unit = 0;
  let rest = value;
  // What rounds up to the next unit is shown in it: not "1000k".
  while (Math.abs(rest) >= step - 0.5 && unit < units.length - 1) {
    rest /= step;
    unit++;
  }
  const isShort = unit > 0 && Math.abs(rest) < 99.95;
  return `${isShort ? rest.toFixed(1) : Math.round(rest)}${units[unit]}`;
}

/** 1536 as "1.5K" */
export function bytes(value: number): string {
  return scaled(value, 1024, BINARY);
}

export function kib(value: number): string {
  return bytes(value * 1024);
}

/** 1234567 as "1.2M" */
export function count(value: number): string {
  return scaled(value, 1000, DECIMAL);
}

/** Events a second, of which there may be less than one: "0", "0.3", "42", "1.2k" */
export function rate(value: number): string {
  return value > 0 && value < 9.95 ? value.toFixed(1) : count(value);
}

/** 1234567 as "1,234,567" */
export function grouped(value: number): string {
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

export function percent(value: number): string {
  return `${value.toFixed(1)}%`;
}

const two = (value: number) => String(value).padStart(2, "0");

/** "2d 03:04:05", "03:04:05" */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const days = Math.floor(whole / 86_400);
  const time = [Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60, whole % 60].map(two).join(":");
  return days > 0 ? `${days}d ${time}` : time;
}

/** In one word: "45s", "12m", "3h", "2d" */
export function age(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 100) return `${whole}s`;
  if (whole < 6000) return `${Math.floor(whole / 60)}m`;
  return whole < 100 * 3600 ? `${Math.floor(whole / 3600)}h` : `${Math.floor(whole / 86_400)}d`;
}

/** HH:MM:SS of the local clock. @param at milliseconds since the epoch */
export function clock(at: number): string {
  return new Date(at).toTimeString().slice(0, 8);
}
