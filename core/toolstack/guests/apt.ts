/** Files out of Debian packages, fetched through the machine's own apt: no root, nothing installed, kept in a cache. */
import { dirname, join } from "node:path";

/** A file or folder inside one of some packages (the first that has it counts). */
export interface PackagedFile {
  readonly packages: readonly string[];
  /** Path inside the package, without a leading slash. */
  readonly path: string;
  /** Where other versions of the packages have the same thing. */
  readonly otherPaths?: readonly string[];
}

/** What the outside world did when a command was run. */
export interface CommandResult {
  readonly code: number;
  /** Standard output and standard error, in lines as they came. */
  readonly output: string;
}

/** Runs a command in a directory; undefined when there is no such command. */
export type RunCommand = (
  command: string,
  args: readonly string[],
  directory: string,
  progress: (line: string) => void,
) => Promise<CommandResult | undefined>;

export interface AptOptions {
  /** Directory of the cache; made when it is missing. */
  readonly cache: string;
  /** Told each step, in lines without a newline. */
  readonly progress: (line: string) => void;
  readonly run?: RunCommand;
  /** A suite of Debian's, such as "trixie" or "sid", in place of the machine's configured sources. */
  readonly suite?: string;
}

/** A guest that cannot be had; the message names what failed and what to do about it. */
export class FetchError extends Error {
  override readonly name = "FetchError";
}

/** The keys of Debian's archive, where Debian's own package of them keeps them. */
const ARCHIVE_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Guests are x86: on other machines apt is asked for this architecture. */
const ARCHITECTURE = "amd64";

async function runCommand(
  command: string,
  args: readonly string[],
  directory: string,
  progress: (line: string) => void,
): Promise<CommandResult | undefined> {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(command, {
      args: [...args],
      cwd: directory,
      env: { LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const lines: string[] = [];
  const drain = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    let rest = "";
    const take = (text: string, last: boolean) => {
      const parts = (rest + text).split(/\r\n|\n|\r/);
      rest = last ? "" : parts.pop() ?? "";
      for (const line of parts) {
        if (line.trim() === "") continue;
        lines.push(line);
        progress(line);
      }
    };
    for await (const text of stream.pipeThrough(new TextDecoderStream())) take(text, false);
    take("", true);
  };
  const [status] = await Promise.all([child.status, drain(child.stdout), drain(child.stderr)]);
  return { code: status.code, output: lines.join("\n") };
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}

/** The lines in which apt says what went wrong, at most three. */
function complaints(output: string): string {
  const lines = output.split("\n").filter((line) => /^(E|W|Err):/.test(line) && !/unsandboxed/.test(line));
  const errors = lines.filter((line) => line.startsWith("E:"));
  return [...new Set(errors.length > 0 ? errors : lines)].slice(0, 3).map((line) => `\n  ${line.trim()}`)
    .join("");
}

const NO_DPKG = "a Debian package is to be unpacked, but this machine has no dpkg-deb (package dpkg)";

class Apt {
  readonly #run: RunCommand;
  /** Options for a package list of our own, once one was fetched. */
  #ownLists: readonly string[] | undefined;
  /** What apt complained of when it fetched those lists; it counts unreachable sources as warnings only. */
  #updateComplaints = "";

  constructor(readonly options: AptOptions) {
    this.#run = options.run ?? runCommand;
  }

  async #aptGet(
    args: readonly string[],
    directory: string,
    progress = this.options.progress,
  ): Promise<CommandResult> {
    const settings = ["Acquire::Retries=1", "Acquire::http::Timeout=20", "Acquire::https::Timeout=20"];
    // As root, apt would download as another user, which cannot write into a private cache.
    const all = [...settings, "APT::Sandbox::User=root", ...this.#ownLists ?? []].flatMap((
      option,
    ) => ["-o", option]);
    const result = await this.#run("apt-get", ["-q", ...all, ...args], directory, progress);
    if (result !== undefined) return result;
    throw new FetchError(
      "guests are fetched as Debian packages through apt-get, which this machine does not have; " +
        "get the file in another way and name it with kernel= in a configuration",
    );
  }

  /** The mirror of Debian that the machine's own apt uses. */
  async #mirror(): Promise<string> {
    const result = await this.#aptGet(
      ["indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages"],
      this.options.cache,
      () => {},
    );
    const targets = result.output.split("\n").map((line) => line.trim().split(" "));
    // Without package lists apt knows no origin: then the mirror's path tells. Security updates lie elsewhere.
    const mirror = targets.map((words) => words.at(-1) ?? "").find((uri) => /\/debian\/?$/.test(uri)) ??
      targets.find(([origin]) => origin === "Debian")?.[1];
    if (mirror !== undefined) return mirror;
    throw new FetchError(
      `Debian's suite ${this.options.suite} is fetched from the mirror of Debian that this machine's apt uses, ` +
        `but its sources name none${complaints(result.output)}`,
    );
  }

  /** A list of sources with the wanted suite only; gives apt's options for it. */
  async #suiteSources(suite: string, state: string): Promise<string[]> {
    const keys = await exists(ARCHIVE_KEYS) ? `[signed-by=${ARCHIVE_KEYS}] ` : "";
    const list = join(state, "sources.list");
    await Deno.writeTextFile(list, `deb ${keys}${await this.#mirror()} ${suite} main\n`);
    return [`Dir::Etc::sourcelist=${list}`, "Dir::Etc::sourceparts=/dev/null"];
  }

  /** Package lists of our own, made from the machine's configured sources or of the wanted suite. */
  async #update(): Promise<CommandResult> {
    const { cache, suite } = this.options;
    const state = suite === undefined ? join(cache, "apt") : join(cache, "apt", suite);
    for (const folder of ["state/lists/partial", "archive/archives/partial"]) {
      await Deno.mkdir(join(state, folder), { recursive: true });
    }
    const sources = suite === undefined ? [] : await this.#suiteSources(suite, state);
    this.#ownLists = [
      ...sources,
      `Dir::State=${join(state, "state")}`,
      `Dir::State::lists=${join(state, "state/lists")}`,
      `Dir::Cache=${join(state, "archive")}`,
      `APT::Architecture=${ARCHITECTURE}`,
      `APT::Architectures=${ARCHITECTURE}`,
      "APT::Get::List-Cleanup=false",
      "Acquire::Languages=none",
    ];
    this.options.progress("fetching package lists (apt-get update, into the cache of xenolith)");
    const result = await this.#aptGet(["update"], state);
    this.#updateComplaints = complaints(result.output);
    return result;
  }

  async #download(name: string, directory: string): Promise<CommandResult> {
    this.options.progress(`fetching Debian's package ${name} (apt-get download)`);
    return await this.#aptGet(["download", name], directory);
  }

  /** Downloads one package into a directory; gives the .deb's path, or what apt said. */
  async #package(name: string, directory: string): Promise<{ file: string } | { failure: string }> {
    const foreign = Deno.build.arch !== "x86_64";
    if ((foreign || this.options.suite !== undefined) && this.#ownLists === undefined) {
      const update = await this.#update();
      if (update.code !== 0 && this.options.suite !== undefined) return { failure: this.#updateComplaints };
    }
    let result = await this.#download(name, directory);
    if (result.code !== 0 && this.#ownLists === undefined) {
      // The machine's own lists may be missing or stale (containers often come without any).
      const update = await this.#update();
      if (update.code !== 0) return { failure: this.#updateComplaints || complaints(result.output) };
      result = await this.#download(name, directory);
    }
    if (result.code !== 0) return { failure: this.#updateComplaints + complaints(result.output) };
    for await (const entry of Deno.readDir(directory)) {
      if (entry.name.endsWith(".deb")) return { file: join(directory, entry.name) };
    }
    return { failure: `\n  apt-get download ${name} succeeded but left no package` };
  }

  async #unpack(deb: string, directory: string): Promise<void> {
    const result = await this.#run("dpkg-deb", ["-x", deb, "unpacked"], directory, this.options.progress);
    if (result === undefined) {
      throw new FetchError(NO_DPKG);
    }
    if (result.code !== 0) throw new FetchError(`dpkg-deb cannot unpack ${deb}:\n${result.output}`);
  }

  /** The names in a package's Depends field, alternatives and versions left out. */
  async depends(name: string): Promise<string[]> {
    const { cache, progress } = this.options;
    await Deno.mkdir(cache, { recursive: true });
    const directory = await Deno.makeTempDir({ dir: cache, prefix: `${name}.` });
    try {
      const got = await this.#package(name, directory);
      if ("failure" in got) throw new FetchError(`${name}: could not be downloaded${got.failure}`);
      const result = await this.#run("dpkg-deb", ["-f", got.file, "Depends"], directory, progress);
      if (result === undefined) throw new FetchError(NO_DPKG);
      if (result.code !== 0) throw new FetchError(`dpkg-deb cannot read ${got.file}:\n${result.output}`);
      return result.output.split(",").map((item) => item.trim().split(/[ :|(]/)[0]).filter((item) =>
        item !== ""
      );
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  }

  async cached({ packages, path, otherPaths = [] }: PackagedFile): Promise<string | undefined> {
    for (const name of packages) {
      for (const candidate of [path, ...otherPaths]) {
        const target = join(this.options.cache, "packages", name, candidate);
        if (await exists(target)) return target;
      }
    }
    return undefined;
  }

  async fetch(file: PackagedFile): Promise<string> {
    const { cache } = this.options;
    const { packages, path, otherPaths = [] } = file;
    const known = await this.cached(file);
    if (known !== undefined) return known;
    try {
      await Deno.mkdir(cache, { recursive: true });
    } catch (error) {
      const reason = error instanceof Error ? error.message : error;
      throw new FetchError(
        `fetched guests are kept in ${cache}, which cannot be made: ${reason}; XDG_CACHE_HOME may name another place`,
      );
    }
    const failures: string[] = [];
    for (const name of packages) {
      const directory = await Deno.makeTempDir({ dir: cache, prefix: `${name}.` });
      try {
        const got = await this.#package(name, directory);
        if ("failure" in got) {
          failures.push(`${name}: could not be downloaded${got.failure}`);
          continue;
        }
        await this.#unpack(got.file, directory);
        for (const candidate of [path, ...otherPaths]) {
          const unpacked = join(directory, "unpacked", candidate);
          if (!await exists(unpacked)) continue;
          const target = join(cache, "packages", name, candidate);
          await Deno.mkdir(dirname(target), { recursive: true });
          await Deno.rename(unpacked, target);
          return target;
        }
        failures.push(`${name}: the package has no file ${[path, ...otherPaths].join(" or ")}`);
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    }
    throw new FetchError(
      `cannot fetch ${path} from Debian:\n${failures.join("\n")}\n` +
        "Check that this machine's apt sources are reachable (apt-get update tells), or name a kernel that is " +
        "already here with kernel= in a configuration.",
    );
  }
}

/**
 * Gives the path of a file or folder out of a Debian package, fetching it when the cache does not have it.
 * @throws FetchError
 */
export async function packagedFile(file: PackagedFile, options: AptOptions): Promise<string> {
  return await new Apt(options).fetch(file);
}

/** Gives the path of such a file or folder if the cache has it. */
export async function cachedFile(file: PackagedFile, options: AptOptions): Promise<string | undefined> {
  return await new Apt(options).cached(file);
}

/**
 * Gives the names that a package depends on (a metapackage names the real one so); always asks apt.
 * @throws FetchError
 */
export async function packageDepends(name: string, options: AptOptions): Promise<string[]> {
  return await new Apt(options).depends(name);
}
