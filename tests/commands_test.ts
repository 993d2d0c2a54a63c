/** The commands against a real xend with built-in guests, as a user, a script and Ganeti use them. */
import assert from "node:assert/strict";
import { OFFLINE } from "./guests.ts";
import { BUILTIN, Place } from "./place.ts";
import { Session } from "./session.ts";

Deno.test("a domain's life in xm's, xl's and one's own words", async () => {
  await using place = await Place.make();
  const [xenolith, xm, xl] = ["xenolith", "xm", "xl"].map((name) => place.as(name));
  // xend starts by itself.
  assert.match(
    (await xm(`create ${BUILTIN}`)).stdout,
    /^Using config file ".*builtin.cfg".\nStarted domain builtin \(id=1\)\n$/,
  );
  assert.match((await xm(`create ${BUILTIN}`, 1)).stderr, /^Error: there is a domain builtin/);

  // As Ganeti reads it: lines but the first split into exactly six fields.
  for (const list of [xm, xenolith, xl]) {
    const rows = (await list("list")).stdout.trimEnd().split("\n").slice(1).map((row) => row.split(/\s+/));
    assert.deepEqual(rows.map(([name, id]) => [name, id]), [["Domain-0", "0"], ["builtin", "1"]]);
    for (const row of rows) {
      assert.equal(row.length, 6);
      assert.match(row[4], /^[r-][b-][p-][s-][c-][d-]$/);
      assert.ok(Number(row[5]) >= 0 && Number(row[2]) > 0);
    }
  }
  // As xendomains reads it: line by line, by these beginnings.
  const long = (await xl("list -l")).stdout.split("\n").filter((line) =>
    /^(?: {4}\{| {8}"domid":|.*"name":)/.test(line)
  );
  assert.deepEqual(long.slice(3), ["    {", '        "domid": 1,', '                "name": "builtin",']);
  const [, record] = JSON.parse((await xenolith("list --json")).stdout);
  assert.equal(record.name, "builtin");
  assert.equal(record.domid, 1);

  assert.equal((await xl("domid builtin")).stdout, "1\n");
  assert.equal((await xl("domname 1")).stdout, "builtin\n");
  await xm("pause builtin");
  assert.equal((await xm("domstate builtin")).stdout, "paused\n");
  assert.match((await xl("list builtin")).stdout, /\nbuiltin .* --p--- {2}/);
  assert.match((await xm("li --state=paused")).stdout, /^Name.*\nbuiltin .*\n$/);
  await xm("unpause builtin");
  await xenolith("rename builtin other");
  assert.equal((await xl("domname 1")).stdout, "other\n");
  assert.equal((await xenolith("xenstore-read /local/domain/1/name")).stdout, "other\n");
  await xenolith("sched-credit -d other -w 512 -c 50");
  assert.match((await xl("sched-credit -d other")).stdout, /^Name +ID Weight +Cap\nother +1 +512 +50\n$/);
  await xenolith("vcpu-pin other all 0");
  assert.match(
    (await xl("vcpu-list other")).stdout,
    /\nother +1 +0 +\d .* 0 \/ (?:0|all)\n$|\nother .* all \/ all\n$/,
  );
  assert.match((await xl("top -b -i 1")).stdout, /\n +other [-dsbcpr]{6} /);
  await xl("destroy other");
  assert.equal((await xl("list other", 1)).stderr, "other is an invalid domain identifier (rc=-6)\n");
  assert.equal((await xm("list other", 1)).stderr, "Error: Domain 'other' does not exist.\n");
  assert.equal((await xl("list 7", 1)).stderr, "Error: Domain '7' does not exist.\n");
  assert.equal(
    (await xl("domid other", 1)).stderr,
    "Can't get domid of domain name 'other', maybe this domain does not exist.\n",
  );
  assert.match((await xl("block-list other")).stderr, /^other is an invalid domain identifier\n$/);
  assert.equal((await xl("frobnicate", 1)).stderr, "command not implemented\n");
  assert.deepEqual(JSON.parse((await xenolith("pause --json other", 1)).stderr).error.code, "no-such-domain");
});

Deno.test("managed domains: new, list, start, shutdown, delete", async () => {
  await using place = await Place.make();
  const [xenolith, xl] = ["xenolith", "xl"].map((name) => place.as(name));
  await xenolith(`new -q ${BUILTIN} name=kept`);
  assert.match((await xenolith("list")).stdout, /\nkept {46}16 {5}1 {17}0\.0\n$/);
  assert.ok(!(await xl("list")).stdout.includes("kept"));
  assert.match((await xenolith("domstate kept")).stdout, /^halted\n$/);
  await xenolith("start kept");
  assert.match((await xenolith("start kept", 1)).stderr, /kept is running already/);
  assert.match((await xenolith("delete kept", 1)).stderr, /shut it down or destroy it/);
  await xenolith("destroy kept");
  assert.match(
    (await xenolith("pause ketp", 1)).stderr,
    /Domain 'ketp' does not exist.\nDid you mean kept\?/,
  );
  await xenolith("delete kept");
  assert.ok(!(await xenolith("list")).stdout.includes("kept"));
});

Deno.test("create -c through xend: a pipeline's input and output, and an exit code for each end", async () => {
  await using place = await Place.make();
  const xenolith = place.as("xenolith");
  const { stdout } = await xenolith(`create -cq ${BUILTIN}`, 0, "help\nhalt\n");
  assert.match(stdout, /^Xenolith's built-in guest[\s\S]*> halt\r?\nGoodbye/);
  assert.match((await xenolith(`create -cq ${BUILTIN}`, 3, "fault\n")).stderr, /RIP: {4}/);
  await xenolith(`create -cq ${BUILTIN} on_reboot=destroy`, 4, "reboot\n");
  assert.match((await xenolith("list")).stdout, /^.*\nDomain-0 .*\n$/);
});

Deno.test("a domain that crashed and is kept: its state, its console, what can no longer be done; gdb's port", async () => {
  await using place = await Place.make();
  const [xenolith, xm, xl] = ["xenolith", "xm", "xl"].map((name) => place.as(name));
  await xenolith(`create -cq ${BUILTIN} on_crash=preserve`, 3, "fault\n");
  assert.match((await xl("list builtin")).stdout, /\nbuiltin .* ---sc- /);
  assert.equal((await xm("domstate builtin")).stdout, "crashed\n");
  const console = await xenolith("console builtin", 3);
  assert.match(console.stdout, /> fault/);
  assert.match(console.stderr, /builtin crashed\n$/);
  // xenconsole, behind xl and xm, has no code for a crash.
  assert.match((await xl(`create -c ${BUILTIN} name=other`, 0, "fault\n")).stdout, /> fault/);
  assert.match((await xenolith("pause builtin", 1)).stderr, /builtin has ended already \(crash\)/);
  await xenolith("reset builtin");
  const [, port] = /127\.0\.0\.1:(\d+)/.exec((await xenolith("gdb builtin")).stdout) ?? [];
  assert.match((await xenolith(`gdb builtin -p ${port}`)).stdout, new RegExp(`:${port}\n$`));
  const other = Number(port) === 65535 ? 65534 : Number(port) + 1;
  assert.match(
    (await xenolith(`gdb builtin -p ${other}`, 1)).stderr,
    new RegExp(`at 127.0.0.1:${port} already`),
  );
  for (const command of [xenolith, xm, xl]) {
    assert.match(
      (await command("save builtin /tmp/x", 1)).stderr,
      /save is not supported: domains cannot be saved/,
    );
  }
});

Deno.test("console on a terminal: keys reach the guest, ^] detaches, it goes on, the terminal comes back", async () => {
  await using place = await Place.make();
  const xenolith = place.as("xenolith");
  await xenolith(`create -q ${BUILTIN}`);
  {
    await using session = new Session(["console", "builtin"], place.environment, true);
    await session.expect("Type help for the commands");
    await session.send("help\r");
    await session.expect("power off");
    await session.send("\x1d");
    const { code, stdout } = await session.finish();
    assert.equal(code, 0);
    assert.match(stdout, /left the console of builtin; it goes on/);
  }
  assert.match((await xenolith("list")).stdout, /\nbuiltin /);
  // What it wrote before is shown to the next one as well; without a terminal ^] is a byte like others.
  const { stdout } = await xenolith("console -q builtin", 0, "halt\n");
  assert.match(stdout, /power off[\s\S]*Goodbye/);
  // It is gone; who comes a moment late still reads what it said, and how it ended.
  const late = await xenolith("console builtin");
  assert.equal(late.stdout, stdout);
  assert.match(late.stderr, /builtin powered off\n$/);
  assert.match((await xenolith("list builtin", 1)).stderr, /Domain .builtin. does not exist/);
});

Deno.test("XENCONSOLED_TRACE=guest: consoles are kept in files, one domain's lives in one", async () => {
  await using place = await Place.make({ XENCONSOLED_TRACE: "guest" });
  const xl = place.as("xl");
  const first = await xl(`create -c ${BUILTIN} name=logged`, 0, "one\nhalt\n");
  const second = await xl(`create -c ${BUILTIN} name=logged`, 0, "two\nhalt\n");
  assert.match(first.stdout, /> one\r?\n[^]*Goodbye/);
  const log = await Deno.readTextFile(`${place.folder}/log/console/guest-logged.log`);
  assert.equal(log, first.stdout + second.stdout);
});

Deno.test("a closed pipe ends a command quietly; a full disk is told of", async () => {
  await using place = await Place.make();
  const shell = async (script: string) => {
    const { code, stdout, stderr } = await new Deno.Command("bash", {
      args: ["-c", script],
      env: {
        ...place.environment,
        NO_COLOR: "1",
        X: `${Deno.execPath()} run -A --unstable-worker-options mod.ts`,
      },
      cwd: new URL("..", import.meta.url).pathname,
    }).output();
    return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
  };
  const piped = await shell("$X top -b -d 0.1 | head -n 2; echo ${PIPESTATUS[0]}");
  assert.match(piped.stdout, /^ +NAME .*\n +Domain-0 .*\n141\n$/);
  assert.equal(piped.stderr, "");
  const full = await shell("$X list > /dev/full");
  assert.equal(full.code, 1);
  assert.match(full.stderr, /standard output cannot be written: No space left on device/);
});

Deno.test("xenstore-*: Debian's tools' output and exit codes", async () => {
  await using place = await Place.make();
  const xenolith = place.as("xenolith");
  await xenolith("xenstore-write /tool/a one /tool/b tw\\to");
  assert.equal(
    (await xenolith("xenstore-read -p /tool/a /tool/b")).stdout,
    "/tool/a: one\n/tool/b: tw\\to\n",
  );
  assert.equal((await xenolith("xenstore-read -R /tool/b")).stdout, "tw\to");
  assert.equal(
    (await xenolith("xenstore-read /tool/c", 1)).stderr,
    "xenstore-read: couldn't read path /tool/c\n",
  );
  const list = (await xenolith("xenstore-list -p /tool")).stdout.split("\n");
  assert.ok(list.includes("/tool/a") && list.includes("/tool/b"));
  assert.equal(
    (await xenolith("xenstore-read /bad*path", 1)).stderr,
    "xenstore-read: couldn't read path /bad*path: path: expected a path of XenStore\n",
  );
  await xenolith("xenstore-exists /tool/a");
  await xenolith("xenstore-exists /tool/a /tool/c", 1);
  await xenolith("xenstore-chmod /tool/a n0 r7");
  assert.match((await xenolith("xenstore-ls -fp /tool")).stdout, /^\/tool\/a = "one" {3}\(n0,r7\)$/m);
  assert.match((await xenolith("xenstore-watch -n 1 /tool")).stdout, /^\/tool\n$/);
  await xenolith("xenstore-rm /tool/a");
  await xenolith("xenstore-exists /tool/a", 1);
  assert.match(
    (await xenolith("xenstore-ls /nowhere", 1)).stderr,
    /xs_directory \(\/nowhere\): No such file or directory/,
  );
});

/** The machine may have much else to do. */
const BOOT_SECONDS = 180;

Deno.test({
  name: "the README's commands on a stock Debian: create, list, console, sched-credit, shutdown -w",
  ignore: OFFLINE,
  async fn() {
    await using place = await Place.make();
    const xenolith = place.as("xenolith");
    await xenolith("create configs/debian-shell.cfg");
    assert.match((await xenolith("list")).stdout, /\ndebian-shell +1 +256 +1 /);
    {
      await using session = new Session(["console", "debian-shell"], place.environment, true);
      await session.expect(/# /, BOOT_SECONDS);
      await session.send("echo in-$((6 * 7))-here\r");
      await session.expect("in-42-here", BOOT_SECONDS);
      await session.send("\x1d");
      assert.equal((await session.finish()).code, 0);
    }
    await xenolith("sched-credit -d debian-shell -w 512");
    assert.match((await xenolith("sched-credit")).stdout, /\ndebian-shell +1 +512 +0\n/);
    const { stdout } = await xenolith("shutdown -w debian-shell");
    assert.equal(stdout, "Domain debian-shell terminated\nAll domains terminated\n");
    assert.match((await xenolith("list")).stdout, /^.*\nDomain-0 .*\n$/);
  },
});

/** What curl gives: the status behind the body. */
async function curl(...args: readonly string[]): Promise<{ status: number; body: string }> {
  const { stdout, stderr, success } = await new Deno.Command("curl", {
    args: ["--silent", "--show-error", "--max-time", "60", "--write-out", "\n%{http_code}", ...args],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const text = new TextDecoder().decode(stdout);
  const end = text.lastIndexOf("\n");
  return { status: Number(text.slice(end + 1)), body: text.slice(0, end) };
}

const hasCurl = await new Deno.Command("curl", { args: ["--version"], stdout: "null" }).output()
  .then(({ success }) => success, () => false);

Deno.test("curl on the API: the socket, the port with and without its token, URLs of old", {
  ignore: !hasCurl,
}, async () => {
  await using place = await Place.make();
  const xenolith = place.as("xenolith");
  await xenolith("xend start --http 0");
  await xenolith("xend start");
  assert.match(
    (await xenolith("xend start --http 0 --pcpus 1", 1)).stderr,
    /xend is running already, with pid \d+, as it was started; xend restart --pcpus 1 --http 0 ends its domains/,
  );
  const status = JSON.parse((await xenolith("xend status --json")).stdout);
  const local = (path: string, ...args: readonly string[]) =>
    curl("--unix-socket", status.api_socket, `http://localhost${path}`, ...args);
  const text = await Deno.readTextFile(BUILTIN);
  const request = { fileName: BUILTIN, text, overrides: ["name=by-curl"], directory: Deno.cwd() };
  const made = await local(
    "/api/v1/domains",
    "--json",
    JSON.stringify({ ...request, paused: true, defineOnly: false, environment: {} }),
  );
  assert.deepEqual([Math.floor(made.status / 100), JSON.parse(made.body).name], [2, "by-curl"], made.body);
  const listed = await local("/api/v1/domains");
  assert.deepEqual(JSON.parse(listed.body).map(({ name }: { name: string }) => name), [
    "Domain-0",
    "by-curl",
  ]);
  assert.equal((await local("/api/v1/domains/nobody")).status, 404);
  assert.equal(JSON.parse((await local("/api/v1/openapi.json")).body).openapi.split(".")[0], "3");
  assert.match(
    (await local("/xend/domain/by-curl", "--header", "Accept: application/sxp")).body,
    /^\(domain /,
  );

  const port = `http://${status.tcp}/api/v1/domains`;
  assert.equal((await curl(port)).status, 401);
  const token = (await Deno.readTextFile(status.token_file)).trim();
  const authorized = await curl(port, "--header", `Authorization: Bearer ${token}`);
  assert.deepEqual([authorized.status, JSON.parse(authorized.body).length], [200, 2]);
  // What a page of another site would send from a browser.
  const page = ["--header", `Authorization: Bearer ${token}`, "--header", "Origin: http://elsewhere.example"];
  assert.ok([401, 403].includes((await curl(port, ...page)).status));
  assert.equal((await local("/api/v1/domains/by-curl/destroy", "--json", "{}")).status, 204);
});
