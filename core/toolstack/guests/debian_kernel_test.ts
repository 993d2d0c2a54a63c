import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { FetchError, type RunCommand } from "./apt.ts";
import { debianKernel } from "./debian_kernel.ts";

interface Package {
  readonly depends?: string;
  readonly files?: readonly string[];
}

/** An apt-get and a dpkg-deb over an imagined archive of suites; "" is what the machine's sources name. */
function archive(suites: Readonly<Record<string, Readonly<Record<string, Package>>>>, targets: string) {
  const downloads: string[] = [];
  const suiteOf = async (args: readonly string[]) => {
    const list = args.find((arg) => arg.startsWith("Dir::Etc::sourcelist="))?.split("=")[1];
    if (list === undefined) return "";
    const words = (await Deno.readTextFile(list)).trim().split(" ");
    assert.equal(words.at(-3), "http://mirror.invalid/debian/");
    return words.at(-2) ?? "";
  };
  const run: RunCommand = async (command, args, directory, tell) => {
    if (command === "dpkg-deb") {
      const name = (args[1].split("/").pop() ?? "").split("_")[0];
      const { depends = "", files = [] } = suites[await Deno.readTextFile(args[1])][name];
      if (args[0] === "-f") return { code: 0, output: depends };
      await Deno.mkdir(join(directory, args[2]), { recursive: true });
      for (const path of files) {
        const target = join(directory, args[2], path);
        await Deno.mkdir(dirname(target), { recursive: true });
        await Deno.writeTextFile(target, name);
      }
      return { code: 0, output: "" };
    }
    if (args.includes("indextargets")) {
      for (const line of targets.split("\n")) tell(line);
      return { code: 0, output: targets };
    }
    const suite = await suiteOf(args);
    if (!(suite in suites)) return { code: 100, output: `E: The repository '${suite}' has no Release file.` };
    if (args.at(-1) === "update") return { code: 0, output: "" };
    const name = args.at(-1) ?? "";
    if (!(name in suites[suite])) return { code: 100, output: `E: Unable to locate package ${name}` };
    downloads.push(`${suite}/${name}`);
    await Deno.writeTextFile(join(directory, `${name}_1_amd64.deb`), suite);
    return { code: 0, output: "" };
  };
  return { run, downloads };
}

const SOURCES = "Debian http://mirror.invalid/debian-security/\nDebian http://mirror.invalid/debian/";

const SUITES = {
  "": {
    "linux-image-cloud-amd64": { depends: "linux-image-6.1.0-1-cloud-amd64 (= 6.1-1)" },
    "linux-image-6.1.0-1-cloud-amd64": { files: ["boot/vmlinuz-6.1.0-1-cloud-amd64"] },
  },
  bullseye: {
    "linux-image-cloud-amd64": { depends: "linux-image-5.10.0-1-cloud-amd64 (= 5.10-1)" },
    "linux-image-5.10.0-1-cloud-amd64": { files: ["boot/vmlinuz-5.10.0-1-cloud-amd64"] },
  },
  sid: {
    "linux-image-cloud-amd64": { depends: "linux-image-7.2.13+deb14-cloud-amd64 (= 7.2.13-1)" },
    "linux-image-7.2.13+deb14-cloud-amd64": { depends: "linux-binary-7.2.13+deb14-cloud-amd64" },
    "linux-binary-7.2.13+deb14-cloud-amd64": {
      files: ["usr/lib/modules/7.2.13+deb14-cloud-amd64/vmlinuz"],
    },
  },
};

async function inCache(test: (cache: string) => Promise<void>): Promise<void> {
  const cache = await Deno.makeTempDir();
  try {
    await test(cache);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

Deno.test("a kernel of another suite comes from the machine's own mirror and is kept apart", () =>
  inCache(async (cache) => {
    const { run, downloads } = archive(SUITES, SOURCES);
    const apt = { cache, run, progress() {} };
    const release = async (suite?: string) => (await debianKernel({ flavour: "cloud", suite }, apt)).release;
    for (let i = 0; i < 2; i++) {
      assert.equal(await release(), "6.1.0-1-cloud-amd64");
      assert.equal(await release("bullseye"), "5.10.0-1-cloud-amd64");
    }
    assert.deepEqual(downloads.filter((name) => /-\d/.test(name)), [
      "/linux-image-6.1.0-1-cloud-amd64",
      "bullseye/linux-image-5.10.0-1-cloud-amd64",
    ]);
  }));

Deno.test("the image of a newer kernel is found in its package of binaries, also a second time", () =>
  inCache(async (cache) => {
    const { run, downloads } = archive(SUITES, SOURCES);
    const apt = { cache, run, progress() {} };
    const first = await debianKernel({ flavour: "cloud", suite: "sid" }, apt);
    assert.equal(await Deno.readTextFile(first.path), "linux-binary-7.2.13+deb14-cloud-amd64");
    const fetched = downloads.length;
    assert.deepEqual(await debianKernel({ flavour: "cloud", suite: "sid" }, apt), first);
    assert.equal(downloads.length, fetched);
  }));

Deno.test("a suite that is not there and a machine without a mirror of Debian's are told", () =>
  inCache(async (cache) => {
    const told = async (suite: string, sources: string) => {
      const { run } = archive(SUITES, sources);
      try {
        await debianKernel({ flavour: "cloud", suite }, { cache, run, progress() {} });
      } catch (error) {
        if (error instanceof FetchError) return error.message;
        throw error;
      }
      assert.fail("a kernel was found");
    };
    assert.match(await told("nosuch", SOURCES), /could not be downloaded\n.*'nosuch' has no Release file/);
    assert.match(await told("sid", "Ubuntu http://other.invalid/ubuntu/"), /its sources name none/);
  }));
