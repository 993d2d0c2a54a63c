/** Keys of the virtual computer that an HVM guest sees, and of its device model. */
import type { z } from "zod";
import { HVM, HVM_PVH, type KeyDefinition, quiet } from "./definition.ts";
import { choice, integer, type KeyType, text, textOrTexts, texts, truth, truthOr } from "./types.ts";

const NO_MODEL = "there is no QEMU: what an HVM guest sees is emulated here";
const ARM = "this is no Arm host";
const MAX = 0x7fffffff;

function hvm<S extends z.ZodType>(
  type: KeyType<S>,
  about: string,
  details: { default?: boolean | number | string } = {},
): KeyDefinition<S> {
  return quiet(type, about, "it belongs to HVM guests", { guests: HVM, ...details });
}

function firmware<S extends z.ZodType>(
  type: KeyType<S>,
  about: string,
  details: { default?: boolean } = {},
): KeyDefinition<S> {
  return quiet(type, about, "it belongs to HVM and PVH guests", { guests: HVM_PVH, ...details });
}

function model<S extends z.ZodType>(type: KeyType<S>, about: string): KeyDefinition<S> {
  return quiet(type, about, NO_MODEL, { guests: HVM });
}

function screen<S extends z.ZodType>(type: KeyType<S>, about: string): KeyDefinition<S> {
  return quiet(type, about, "there is no screen to show", { guests: HVM });
}

function arm<S extends z.ZodType>(type: KeyType<S>, about: string): KeyDefinition<S> {
  return quiet(type, about, ARM, { dialects: ["xl"] });
}

export const hvmKeys = {
  boot: hvm(text(), "The order of boot devices: c disk, d CD-ROM, n network.", { default: "cda" }),
  hdtype: hvm(choice(["ide", "ahci"]), "What kind of disk controller is emulated.", { default: "ide" }),
  hap: firmware(truth(), "Uses the processor's nested paging."),
  oos: firmware(truth(), "Lets shadow page tables be out of step."),
  shadow_memory: firmware(integer(0, MAX, "MiB"), "Memory for shadow page tables."),
  bios: hvm(choice(["rombios", "seabios", "ovmf"]), "The guest's firmware."),
  bios_path_override: hvm(text(), "Another file for the firmware."),
  pae: hvm(truth(), "The guest sees physical address extensions.", { default: true }),
  acpi: firmware(truth(), "The guest has ACPI tables.", { default: true }),
  acpi_s3: hvm(truth(), "ACPI tells of suspending to memory.", { default: true }),
  acpi_s4: hvm(truth(), "ACPI tells of suspending to disk.", { default: true }),
  acpi_laptop_slate: hvm(truth(), "ACPI tells of a laptop's slate switch.", { default: false }),
  acpi_firmware: hvm(text(), "A file with more ACPI tables."),
  apic: hvm(truth(), "The guest has a local APIC.", { default: true }),
  nx: hvm(truth(), "The guest can mark pages not executable.", { default: true }),
  hpet: hvm(truth(), "The guest has a high precision event timer.", { default: true }),
  altp2m: firmware(
    choice(["disabled", "mixed", "external", "limited"], ["disabled", "mixed", "external", "limited"]),
    "Alternate physical memory maps.",
  ),
  altp2mhvm: hvm(truth(), "The old name of altp2m.", { default: false }),
  altp2m_count: firmware(integer(0, MAX), "How many alternate physical memory maps there can be."),
  nestedhvm: firmware(truth(), "The guest can run guests with VT-x.", { default: false }),
  smbios_firmware: hvm(text(), "A file with SMBIOS structures."),
  smbios: hvm(texts("SMBIOS strings"), "SMBIOS strings."),
  ms_vm_genid: hvm(choice(["generate", "none"]), "A generation ID for Windows.", { default: "none" }),
  vpt_align: hvm(truth(), "Virtual timers fire together.", { default: true }),
  mmio_hole: hvm(integer(0, 4096, "MiB"), "The hole for devices below 4 GiB."),
  xen_platform_pci: hvm(truth(), "The Xen platform PCI device.", { default: true }),
  xen_platform_pci_bar_uc: hvm(truth(), "The Xen platform device's memory is uncached.", { default: true }),
  viridian: hvm(truthOr(texts("Viridian features")), "Interfaces of Microsoft's hypervisor.", {
    default: false,
  }),
  hvm_pirq: hvm(truth(), "The guest may have device interrupts as event channels.", { default: false }),
  mca_caps: hvm(texts("capabilities"), "Machine check capabilities."),
  msr_relaxed: hvm(truth(), "Reads of unknown MSRs give 0."),
  vendor_device: hvm(choice(["none", "xenserver"]), "A vendor's platform device.", { default: "none" }),
  suppress_spurious_page_faults: hvm(truth(), "An old work-around for Windows."),
  videoram: screen(integer(0, MAX, "MiB"), "Memory of the emulated graphics card."),
  stdvga: screen(truth(), "A standard VGA in place of Cirrus Logic's."),
  vga: screen(choice(["none", "stdvga", "cirrus", "qxl"]), "The emulated graphics card."),
  vnc: screen(truth(), "Shows the screen by VNC."),
  vnclisten: screen(text(), "The address that VNC listens on."),
  vncdisplay: screen(integer(0, 65535), "The VNC display's number."),
  vncunused: screen(truth(), "VNC takes the next free display."),
  vncpasswd: screen(text(), "The VNC password."),
  vncviewer: screen(truth(), "Starts a viewer."),
  keymap: screen(text(), "The keyboard's layout."),
  sdl: screen(truth(), "Shows the screen in a window."),
  opengl: screen(truth(), "The window uses OpenGL."),
  nographic: screen(truth(), "No graphics at all."),
  display: screen(text(), "The X11 display of the window."),
  xauthority: screen(text(), "The X11 authority file of the window."),
  spice: screen(truth(), "Shows the screen by SPICE."),
  spicehost: screen(text(), "The address that SPICE listens on."),
  spiceport: screen(integer(0, 65535), "SPICE's port."),
  spicetls_port: screen(integer(0, 65535), "SPICE's port with TLS."),
  spicedisable_ticketing: screen(truth(), "SPICE asks for no password."),
  spicepasswd: screen(text(), "The SPICE password."),
  spiceagent_mouse: screen(truth(), "SPICE's agent moves the mouse."),
  spicevdagent: screen(truth(), "A channel for SPICE's agent."),
  spice_clipboard_sharing: screen(truth(), "SPICE shares the clipboard."),
  spiceusbredirection: screen(integer(0, 64), "USB devices by SPICE."),
  spice_image_compression: screen(text(), "SPICE's image compression."),
  spice_streaming_video: screen(text(), "SPICE's detection of video."),
  device_model: model(text(), "The device model's program; xl wants device_model_override."),
  device_model_version: model(text(), "Which device model is used."),
  device_model_override: model(text(), "Another program for the device model."),
  device_model_stubdomain_override: model(truth(), "The device model runs in a domain of its own."),
  device_model_stubdomain_seclabel: model(text(), "The XSM label of the device model's domain."),
  device_model_args: model(texts(), "More arguments of the device model."),
  device_model_args_pv: model(texts(), "More arguments of a PV guest's device model."),
  device_model_args_hvm: model(texts(), "More arguments of an HVM guest's device model."),
  device_model_user: model(text(), "The user that the device model runs as."),
  dm_restrict: model(truth(), "The device model runs without rights."),
  stubdomain_kernel: model(text(), "The kernel of the device model's domain."),
  stubdomain_cmdline: model(text(), "The command line of the device model's domain."),
  stubdomain_ramdisk: model(text(), "The RAM disk of the device model's domain."),
  stubdomain_memory: model(integer(0, MAX, "MiB"), "The memory of the device model's domain."),
  gic_version: arm(text(), "The interrupt controller's version."),
  tee: arm(text(), "The trusted execution environment that is mediated."),
  sve: arm(text(), "The longest scalable vectors."),
  llc_colors: arm(textOrTexts(), "Cache colours of the domain."),
  nr_spis: arm(integer(0, MAX), "How many shared interrupts there are."),
  trap_unmapped_accesses: arm(truth(), "Accesses to nothing trap."),
  arm_sci: arm(text(), "The firmware interface that is mediated."),
};
