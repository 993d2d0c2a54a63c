/** What a conversion leaves out: noticed by what nobody asked for, so that nothing is left out without a word. */
import { type KeyDefinition, KEYS, type KeyValues } from "./keys/mod.ts";
import type { GuestType } from "./keys/definition.ts";
import type { Diagnostic } from "./source.ts";
import type { Reading } from "./reading.ts";

/** The same fields, and which of them were asked for. */
export interface Followed<T extends object> {
  readonly fields: T;
  readonly seen: ReadonlySet<PropertyKey>;
}

export function follow<T extends object>(object: T): Followed<T> {
  const seen = new Set<PropertyKey>();
  const fields = new Proxy(object, {
    get(target, key) {
      seen.add(key);
      return Reflect.get(target, key);
    },
  });
  return { fields, seen };
}

/** No, nothing, or what it is anyway. */
function isIdle(value: unknown, definition?: KeyDefinition): boolean {
  return value === undefined || value === false || value === "" || value === "none" ||
    (Array.isArray(value) && value.length === 0) ||
    (definition !== undefined && JSON.stringify(value) === JSON.stringify(definition.default));
}

export class Losses {
  readonly #found: { readonly key: string; readonly what: string }[] = [];

  /** A part of what a key holds is left out. */
  say(key: string, what: string): void {
    this.#found.push({ key, what: `${key}: ${what} is left out` });
  }

  /**
   * The fields of an item of a key's list that nobody asked for.
   * @param fields those that would be missed
   * @param item what the item is called
   */
  sayUnseen(key: string, fields: object, item: string, { seen }: Pick<Followed<object>, "seen">): void {
    const missed = Object.entries(fields).filter(([name, value]) => !seen.has(name) && !isIdle(value));
    if (missed.length > 0) this.say(key, `${missed.map(([name]) => name).join(", ")} of ${item}`);
  }

  /** Whole keys that nobody asked for, and what was said, each at its place. */
  diagnostics(
    reading: Reading,
    values: KeyValues,
    { seen }: Followed<KeyValues>,
    guest: GuestType,
  ): Diagnostic[] {
    for (const [key, value] of Object.entries(values)) {
      const definition = KEYS.get(key);
      // What is for another type of guest means nothing here.
      if (seen.has(key) || isOwn(key) || isIdle(value, definition) || !definition?.guests.includes(guest)) {
        continue;
      }
      this.#found.push({ key, what: `${key} is left out` });
    }
    return this.#found.map(({ key, what }) => leftOut(reading, key, what));
  }
}

/** A number for the file itself, to make names and the like of; xm's files have it from the command line. */
export const isOwn = (key: string) => key === "vmid";

export function leftOut(reading: Reading, key: string, message: string): Diagnostic {
  const span = reading.settings.get(key)?.keySpan;
  if (span === undefined) throw new Error(`${key} is no key of the configuration`);
  return { span, message, severity: "warning" };
}
