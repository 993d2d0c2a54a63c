/** Keys of a configuration given as values, written as the text of an xl.cfg(5) file. */

/** `true` and `false` are xl's 1 and 0. */
export type ConfigValue = string | number | boolean | readonly ConfigValue[];

/** Keys of xl.cfg(5): `{ name: "guest", kernel: "/path/to/kernel", memory: 32, vif: [""] }`. */
export interface ConfigKeys {
  readonly name: string;
  readonly [key: string]: ConfigValue | undefined;
}

const KEY = /^[a-z][._0-9a-z]*$/;

function valueText(value: ConfigValue, key: string): string {
  switch (typeof value) {
    case "string": {
      // Neither dialect has a word for a null character, and xl's reader ends at one.
      if (/[\0\n]/.test(value)) throw new TypeError(`${key}: a value is one line`);
      return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
    }
    case "number":
      if (!Number.isSafeInteger(value)) throw new TypeError(`${key}: ${value} is not a whole number`);
      return String(value);
    case "boolean":
      return value ? "1" : "0";
    default:
      return `[ ${value.map((item) => valueText(item, key)).join(", ")} ]`;
  }
}

/** @throws TypeError for what a configuration file cannot say */
export function configText(keys: ConfigKeys): string {
  const lines: string[] = [];
  for (const [key, value] of Object.entries(keys)) {
    if (!KEY.test(key)) throw new TypeError(`${JSON.stringify(key)} cannot be a key`);
    if (value !== undefined) lines.push(`${key} = ${valueText(value, key)}\n`);
  }
  return lines.join("");
}
