/** Keys that only xm knew (xmdomain.cfg(5), and `xm create --help_config`). */
import type { z } from "zod";
import { type Details, honoured, HVM, idle, type KeyDefinition, quiet } from "./definition.ts";
import { choice, integer, type KeyType, text, textOrTexts, texts, truth } from "./types.ts";

const MAX = 0x7fffffff;

function old<S extends z.ZodType>(
  type: KeyType<S>,
  about: string,
  why: string,
  details: Details = {},
): KeyDefinition<S> {
  return quiet(type, about, why, { dialects: ["xm"], ...details });
}

function told<S extends z.ZodType>(type: KeyType<S>, about: string, why: string): KeyDefinition<S> {
  return idle(type, about, why, { dialects: ["xm"] });
}

function line(about: string): KeyDefinition<z.ZodType<string>> {
  return honoured(text(), about, { dialects: ["xm"] });
}

export const xmKeys = {
  vmid: old(text(), "A number that the file itself uses.", "it is the file's own variable"),
  ip: line("The address on the kernel's command line, in ip=."),
  gateway: line("The gateway on the kernel's command line, in ip=."),
  netmask: line("The netmask on the kernel's command line, in ip=."),
  hostname: line("The host's name on the kernel's command line, in ip=."),
  interface: line("The interface on the kernel's command line, in ip=."),
  dhcp: line('"dhcp" on the kernel\'s command line, in ip=; "off": none.'),
  nfs_server: line("The NFS server of a root directory, in nfsroot=."),
  nfs_root: line("The root directory of an NFS server, in nfsroot=."),
  on_xend_start: honoured(choice(["ignore", "start"]), "Whether the domain starts with xend.", {
    default: "ignore",
    dialects: ["xm"],
  }),
  on_xend_stop: told(
    choice(["ignore", "shutdown", "suspend"]),
    "What becomes of the domain when xend stops.",
    "xend asks every domain to power off when it stops",
  ),
  restart: told(
    choice(["onreboot", "always", "never"]),
    "What on_poweroff, on_reboot and on_crash say now.",
    "write those instead",
  ),
  on_shutdown: told(text(), "Another name of on_poweroff in the manual alone.", "write on_poweroff"),
  cpu: told(integer(-1, MAX), "The pCPU of vCPU 0.", "write cpus"),
  cpu_cap: told(integer(0, MAX), "The cap.", "write cap"),
  vcpu_avail: told(text(), "Which vCPUs are online, as bits.", "write vcpus and maxvcpus"),
  nics: told(integer(-1, MAX), "How many network interfaces there are.", "write vif"),
  bootargs: told(text(), "Arguments of the bootloader.", "no bootloader is run"),
  bootentry: told(text(), "The bootloader's entry to boot.", "no bootloader is run"),
  features: told(text(), "Features that the kernel must have.", "they are read from the kernel's notes"),
  blkif: told(truth(), "The domain serves disks to others.", "driver domains are not here"),
  netif: told(truth(), "The domain serves interfaces to others.", "driver domains are not here"),
  tpmif: told(textOrTexts(), "The domain serves TPMs to others.", "driver domains are not here"),
  irq: told(textOrTexts(), "Interrupts of the host.", "no physical device can be passed through"),
  vscsi: told(textOrTexts(), "SCSI devices of the host.", "there is no backend for it"),
  vusb: told(texts(), "USB controllers.", "there is no backend for it"),
  tap2: told(textOrTexts(), "Disks by blktap2.", "write them to disk"),
  access_control: told(texts(), "The security label.", "there is no XSM policy"),
  loader: old(text(), "The firmware's loader.", "there is no firmware here", { guests: HVM }),
  memory_sharing: old(
    truth(),
    "Pages are shared with other domains.",
    "only zero pages are shared, and always",
  ),
  actmem: old(text(), "Pages that are swapped.", "memory is not swapped here"),
  xenpaging_file: old(text(), "The file for swapped pages.", "memory is not swapped here"),
  xenpaging_extra: old(texts(), "Arguments of xenpaging.", "memory is not swapped here"),
  extid: old(integer(0, MAX), "The old name of viridian.", "it belongs to HVM guests", { guests: HVM }),
  vhpt: old(integer(0, MAX), "The size of Itanium's page table cache.", "this is no Itanium"),
  vncconsole: old(truth(), "Starts a VNC viewer.", "there is no screen to show"),
  "vncviewer-autopass": old(truth(), "Gives the viewer its password.", "there is no screen to show"),
  fda: old(text(), "The first floppy disk.", "there is no floppy drive", { guests: HVM }),
  fdb: old(text(), "The second floppy disk.", "there is no floppy drive", { guests: HVM }),
  cdrom: old(text(), "The CD-ROM drive, before disk had it.", "write it to disk", { guests: HVM }),
  monitor: old(truth(), "QEMU's monitor.", "there is no QEMU", { guests: HVM }),
  monitor_path: old(text(), "Where QEMU's monitor is.", "there is no QEMU", { guests: HVM }),
  watchdog: old(text(), "An emulated watchdog.", "there is none", { guests: HVM }),
  watchdog_action: old(text(), "What an emulated watchdog does.", "there is none", { guests: HVM }),
  description: old(text(), "Words about the domain.", "nobody reads them here"),
  guest_os_type: old(text(), "The guest's operating system.", "it is the same to all", { guests: HVM }),
  isa: old(truth(), "A computer with ISA slots only.", "it belongs to HVM guests", { guests: HVM }),
  target: old(integer(0, MAX), "The domain that this one serves as device model.", "there is no such model"),
  s3_integrity: old(truth(), "Checks memory after suspending the host.", "the host is not suspended"),
  cpuid_check: old(textOrTexts(), "CPUID bits that the host must have.", "the CPU is software"),
  machine_address_size: old(integer(0, 64), "How wide machine addresses may be.", "they are what they are"),
  superpages: old(truth(), "The domain gets large pages only.", "pages are all of one size"),
  guest_iommu: old(truth(), "An IOMMU for the guest.", "there is none"),
  home: old(text(), "A variable of old.", "nothing reads it"),
  sched: old(text(), "A variable of old.", "nothing reads it"),
  platform: old(textOrTexts(), "The platform's settings.", "nothing reads it"),
  timeoffset: old(integer(-MAX, MAX, "seconds"), "Added to the guest's clock.", "it starts at UTC", {
    guests: HVM,
  }),
  ssidref: old(text(), "The security label's number.", "there is no XSM policy"),
  image: old(textOrTexts(), "The image, in S-expressions.", "write kernel, ramdisk and the like"),
};
