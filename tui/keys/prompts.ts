/** Questions that a line of text answers: what is asked, which answers will do, and the command line that comes of one. */
import type { DomainRow } from "../model/types.ts";
import type { PromptKind } from "./actions.ts";

export interface Prompt {
  readonly title: (row: DomainRow | undefined) => string;
  /** What to type, in words. */
  readonly hint: (row: DomainRow | undefined) => string;
  /** What stands there at first. */
  readonly initial: (row: DomainRow | undefined, delaySeconds: number) => string;
  /** @returns what is wrong with the answer */
  readonly check: (answer: string, row: DomainRow | undefined) => string | undefined;
  /** The command line; absent: the dashboard's own doing. */
  readonly words?: (answer: string, row: DomainRow) => readonly string[];
}

/** How a command line names a domain: by its name, or by domid where the name would be taken for an option. */
export function designation({ figures }: DomainRow): string {
  return figures.name.startsWith("-") ? String(figures.domid) : figures.name;
}

const name = (row: DomainRow | undefined) => row?.figures.name ?? "the domain";

/** xl's way: MiB, or with a unit's letter. */
const MEMORY = /^(\d+(?:\.\d+)?)\s*([bkmgt])?(?:i?b)?$/i;
const UNITS: Readonly<Record<string, number>> = { b: 1 / 1024, k: 1, m: 1024, g: 1024 ** 2, t: 1024 ** 3 };

function memoryKiB(answer: string): number | undefined {
  const match = MEMORY.exec(answer);
  return match === null ? undefined : Number(match[1]) * UNITS[(match[2] ?? "m").toLowerCase()];
}

const settings = (answer: string) => answer.split(/[\s,]+/).filter((setting) => setting !== "");

export const PROMPTS: Readonly<Record<PromptKind, Prompt>> = {
  delay: {
    title: () => "Delay between refreshes",
    hint: () => "seconds, 0.1 to 86400",
    initial: (_, delaySeconds) => String(delaySeconds),
    check: (answer) => {
      const seconds = Number(answer);
      return answer !== "" && seconds >= 0.1 && seconds <= 86_400
        ? undefined
        : "expected seconds from 0.1 to 86400";
    },
  },
  memory: {
    title: (row) => `Memory of ${name(row)}`,
    hint: (row) =>
      `MiB, or with k, m, g, t${
        row?.figures.maxMemoryKiB === undefined
          ? ""
          : `; at most ${Math.floor(row.figures.maxMemoryKiB / 1024)}`
      }`,
    initial: (row) =>
      row === undefined ? "" : String(Math.floor((row.figures.targetKiB ?? row.figures.memoryKiB) / 1024)),
    check: (answer, row) => {
      const kib = memoryKiB(answer);
      if (kib === undefined || !(kib >= 1024)) return "expected MiB, or a number with one of k, m, g, t";
      const most = row?.figures.maxMemoryKiB;
      return most !== undefined && kib > most
        ? `its maximum is ${Math.floor(most / 1024)} MiB (mem-max raises it)`
        : undefined;
    },
    words: (answer, row) => ["mem-set", designation(row), answer.replaceAll(" ", "")],
  },
  vcpus: {
    title: (row) => `vCPUs of ${name(row)}`,
    hint: (row) => `how many are online, 1 to ${row?.figures.vcpus.length ?? "its maximum"}`,
    initial: (row) => String(row?.figures.vcpus.filter(({ online }) => online).length ?? 1),
    check: (answer, row) => {
      const most = row?.figures.vcpus.length ?? Infinity;
      return /^[1-9]\d*$/.test(answer) && Number(answer) <= most
        ? undefined
        : `expected a number from 1 to ${most}`;
    },
    words: (answer, row) => ["vcpu-set", designation(row), answer],
  },
  rename: {
    title: (row) => `New name of ${name(row)}`,
    hint: () => "no blanks, no /, not a number alone",
    initial: (row) => row?.figures.name ?? "",
    check: (answer, row) => {
      if (answer === row?.figures.name) return "that is its name";
      // As xend has it; and the command line would take a leading - for an option.
      return answer === "" || /[/\s\p{Cc}]/u.test(answer) || /^\d+$/.test(answer) || answer.startsWith("-")
        ? "expected a name without blanks and /, that is not a number and begins with no -"
        : undefined;
    },
    words: (answer, row) => ["rename", designation(row), answer],
  },
  sysrq: {
    title: (row) => `Magic key for ${name(row)}`,
    hint: () => "one letter; h: the guest's kernel lists them on its console",
    initial: () => "",
    check: (answer) => /^[a-z0-9]$/i.test(answer) ? undefined : "expected one letter or digit",
    words: (answer, row) => ["sysrq", designation(row), answer],
  },
  "block-attach": {
    title: (row) => `Disk for ${name(row)}`,
    hint: () => "FILE,raw,xvdb,rw as in a configuration, or key=value",
    initial: () => "",
    check: (answer) =>
      answer.startsWith("-") || !/[,=]/.test(answer)
        ? "expected FILE,raw,xvdb,rw: what to show, as what, and how"
        : undefined,
    words: (answer, row) => ["block-attach", designation(row), answer],
  },
  "network-attach": {
    title: (row) => `Interface for ${name(row)}`,
    hint: () => "nothing, or mac=..., bridge=..., rate=... and others",
    initial: () => "",
    check: (answer) =>
      settings(answer).every((setting) => /^(?:[a-z][a-z0-9_]*=.*|(?:un)?trusted)$/.test(setting))
        ? undefined
        : "expected settings such as bridge=xenbr0, or nothing",
    words: (answer, row) => ["network-attach", designation(row), ...settings(answer)],
  },
  "dump-core": {
    title: (row) => `Core dump of ${name(row)}`,
    hint: () => "a file, or nothing: xend chooses one and says which",
    initial: () => "",
    check: (answer) => answer.startsWith("-") ? "a file's name here begins with no -" : undefined,
    words: (answer, row) => ["dump-core", designation(row), ...(answer === "" ? [] : [answer])],
  },
};
