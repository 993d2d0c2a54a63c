/**
 * GRUB for Xen finds its configuration on an ext4 disk and boots Debian's kernel from there: `deno run -A grub_disk.ts FOLDER` leaves what the
 * guest printed since.
 */
import { join } from "node:path";
import { busyboxInitramfs } from "../../../core/toolstack/guests/busybox.ts";
import { cacheDirectory } from "../../../core/toolstack/guests/cache.ts";
import { debianKernel } from "../../../core/toolstack/guests/debian_kernel.ts";
import { ExtTools } from "../../ext_image.ts";
import { Session } from "../../session.ts";
import { OwnXend } from "./own_xend.ts";

/** GRUB unpacks the kernel, which takes it a while. */
const BOOT_SECONDS = 240;
const MENU = `set timeout=0
menuentry Debian {
  linux /boot/vmlinuz console=hvc0 quiet
  initrd /boot/initrd
}
`;

const [folder] = Deno.args;
const apt = { cache: cacheDirectory(), progress: console.error };
const contents = join(folder, "contents"), image = join(folder, "disk.img");
await Deno.mkdir(join(contents, "boot/grub"), { recursive: true });
// Its payload is XZ; of the cloud kernel's LZ4 GRUB knows nothing.
await Deno.copyFile((await debianKernel({ flavour: "full" }, apt)).path, join(contents, "boot/vmlinuz"));
await Deno.writeFile(join(contents, "boot/initrd"), await busyboxInitramfs(apt));
await Deno.writeTextFile(join(contents, "boot/grub/grub.cfg"), MENU);
await (await ExtTools.fetch()).make(image, 64, contents);

await using xend = new OwnXend(folder);
await using session = new Session(
  ["create", "-c", "configs/grub.cfg", "memory=512", `disk=["${image},raw,xvda,r"]`],
  xend.environment,
  true,
);
await session.expect(/root# /, BOOT_SECONDS);
await session.send("uname -rv; poweroff\r");
const { stdout } = await session.finish();
await Deno.writeTextFile(join(folder, "console.txt"), stdout.slice(stdout.lastIndexOf("Busybox on Linux")));
