/** Counts, times and errors of a trace, as `strace -c` sums them up. */
import type { TraceLine } from "./line.ts";

interface Row {
  calls: number;
  errors: number;
  us: number;
}

export interface SummaryRow extends Readonly<Row> {
  /** Name, with a hypercall's sub-operation. */
  readonly name: string;
  readonly type: string;
}

export class TraceSummary {
  readonly #rows = new Map<string, Row & { type: string }>();
  #lost = 0;

  add(line: TraceLine): void {
    if (line.type === "lost") {
      this.#lost += line.count;
      return;
    }
    const name = line.op === undefined ? line.name : `${line.name}.${line.op}`;
    const key = `${line.type} ${name}`;
    let row = this.#rows.get(key);
    if (row === undefined) this.#rows.set(key, row = { type: line.type, calls: 0, errors: 0, us: 0 });
    row.calls++;
    if (line.errno !== undefined) row.errors++;
    // A multicall's time is that of the calls inside it.
    if (line.name !== "multicall") row.us += line.us ?? 0;
  }

  get lost(): number {
    return this.#lost;
  }

  /** By time, then by calls. */
  rows(): SummaryRow[] {
    return [...this.#rows].map(([key, row]) => ({ ...row, name: key.slice(key.indexOf(" ") + 1) }))
      .sort((a, b) => b.us - a.us || b.calls - a.calls || a.name.localeCompare(b.name));
  }

  text(): string {
    const rows = this.rows();
    const total = rows.reduce((sum, { us }) => sum + us, 0);
    const line = (
      percent: string,
      seconds: string,
      each: string,
      calls: string,
      errors: string,
      name: string,
    ) =>
      `${percent.padStart(6)} ${seconds.padStart(11)} ${each.padStart(11)} ${calls.padStart(9)} ${
        errors.padStart(9)
      } ${name}\n`;
    const rule = line(
      "-".repeat(6),
      "-".repeat(11),
      "-".repeat(11),
      "-".repeat(9),
      "-".repeat(9),
      "-".repeat(24),
    );
    let text = line("% time", "seconds", "usecs/call", "calls", "errors", "hypercall or trap") + rule;
    for (const { name, type, calls, errors, us } of rows) {
      const isTimed = type === "hypercall";
      text += line(
        isTimed ? (total === 0 ? 0 : us / total * 100).toFixed(2) : "",
        isTimed ? (us / 1e6).toFixed(6) : "",
        isTimed ? (us / calls).toFixed(1) : "",
        String(calls),
        errors === 0 ? "" : String(errors),
        type === "hypercall" ? name : `${type} ${name}`,
      );
    }
    const calls = rows.reduce((sum, row) => sum + row.calls, 0);
    const errors = rows.reduce((sum, row) => sum + row.errors, 0);
    text += rule +
      line(
        "100.00",
        (total / 1e6).toFixed(6),
        "",
        String(calls),
        errors === 0 ? "" : String(errors),
        "total",
      );
    if (this.#lost > 0) text += `${this.#lost} records were lost\n`;
    return text;
  }
}
