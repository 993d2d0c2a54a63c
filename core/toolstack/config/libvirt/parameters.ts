/** Specifications of the form `first,name=value,flag`, of devices that nothing here serves. */

export class Parameters {
  readonly first: string | undefined;
  readonly #values = new Map<string, string>();
  readonly #seen = new Set<string>();

  /** @param named all parts are NAME=VALUE: there is no first one without a name */
  constructor(readonly text: string, named = true) {
    const parts = text.split(",").map((part) => part.trim()).filter((part) => part !== "");
    this.first = named ? undefined : parts.shift();
    for (const part of parts) {
      const equals = part.indexOf("=");
      const [name, value] = equals < 0 ? [part, "1"] : [part.slice(0, equals), part.slice(equals + 1)];
      this.#values.set(name.trim(), value.trim());
    }
  }

  get(name: string): string | undefined {
    this.#seen.add(name);
    return this.#values.get(name);
  }

  truth(name: string): boolean {
    return !["0", "no", "false", undefined].includes(this.get(name));
  }

  /** Those that nobody asked for and that say something. */
  unseen(): string[] {
    return [...this.#values].filter(([name, value]) => !this.#seen.has(name) && value !== "0").map(([name]) =>
      name
    );
  }
}
