/** Structure sharing: what is equal to what was there before is the same object, so that views can compare by identity. */

type Plain = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Plain => typeof value === "object" && value !== null;

function shareArray(before: readonly unknown[], now: readonly unknown[]): readonly unknown[] {
  let isSame = before.length === now.length;
  const shared = now.map((value, index) => {
    const item = share(before[index], value);
    if (!Object.is(item, before[index])) isSame = false;
    return item;
  });
  return isSame ? before : shared;
}

function shareRecord(before: Plain, now: Plain): Plain {
  const keys = Object.keys(now);
  let isSame = Object.keys(before).length === keys.length;
  const shared: Record<string, unknown> = {};
  for (const key of keys) {
    shared[key] = share(before[key], now[key]);
    if (!(key in before) || !Object.is(shared[key], before[key])) isSame = false;
  }
  return isSame ? before : shared;
}

/** @param now plain data. @returns equal to `now`, made of parts of `before` as far as they are equal */
export function share<T>(before: unknown, now: T): T {
  if (Object.is(before, now) || !isObject(before) || !isObject(now)) return now;
  if (Array.isArray(now)) return (Array.isArray(before) ? shareArray(before, now) : now) as T;
  return (Array.isArray(before) ? now : shareRecord(before, now)) as T;
}

/** Shares one level: parts are the same or they are not. */
export function shareParts<T extends object>(before: T | undefined, now: T): T {
  if (before === undefined) return now;
  const parts = Object.entries(now);
  const old = before as Readonly<Record<string, unknown>>;
  const isSame = parts.length === Object.keys(before).length &&
    parts.every(([key, value]) => Object.is(old[key], value));
  return isSame ? before : now;
}
