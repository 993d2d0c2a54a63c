/** Keys of xl.cfg(5) that the schema does not read. */

/** Known, but for something that does not exist here yet: using one is warned about. */
const LATER = [
  "disk vif vfb vkb vsnd vtpm vdispl pci pci_msitranslate pci_permissive pci_power_mgmt pci_seize p9 pvcalls channel",
  "usbctrl usbdev dtdev iomem ioports irqs rdm virtio",
  "cpus cpus_soft cpu_weight cap pool period slice latency extratime vnuma maxvcpus",
  "uuid seclabel init_seclabel driver_domain e820_host tsc_mode rtc_timeoffset localtime cpuid nomigrate",
  "on_watchdog on_soft_reset max_event_channels max_grant_frames max_maptrack_frames max_grant_version claim_mode",
  "bootloader_args bootloader_restrict bootloader_user vuart xenstore_feature_mask xenstore_quota vpmu",
  "xend_suspend_evtchn_compat device_tree initrd",
  // xm's: what it added to a Linux kernel's command line, and devices that xl no longer has.
  "ip gateway netmask hostname dhcp interface nfs_server nfs_root features blkif netif tpmif vscsi vusb irq",
];

/** Known, and without meaning for a PV domain also in xl: silently skipped, since converted files are full of them. */
const NOT_FOR_PV = [
  "acpi acpi_firmware acpi_laptop_slate acpi_s3 acpi_s4 altp2m altp2m_count altp2mhvm apic bios bios_path_override boot",
  "device_model device_model_args device_model_override device_model_stubdomain_override",
  "device_model_stubdomain_seclabel device_model_user device_model_version dm_restrict display firmware",
  "firmware_override gfx_passthru hap hdtype hpet hvm_pirq keymap mca_caps mmio_hole ms_vm_genid msr_relaxed",
  "nestedhvm nographic nx oos opengl pae parallel passthrough pvshim pvshim_cmdline pvshim_extra pvshim_path",
  "rdm_mem_boundary sdl serial shadow_memory smbios smbios_firmware soundhw spice spice_clipboard_sharing",
  "spice_image_compression spice_streaming_video spiceagent_mouse spicedisable_ticketing spicehost spicepasswd",
  "spiceport spicetls_port spiceusbredirection spicevdagent stdvga stubdomain_cmdline stubdomain_kernel",
  "stubdomain_memory stubdomain_ramdisk suppress_spurious_page_faults timer_mode timeoffset trap_unmapped_accesses",
  "usb usbdevice usbversion vendor_device vga videoram vif2 viridian vkb_device vmtrace_buf_kb vnc vncconsole",
  "vncdisplay vnclisten vncpasswd vncunused vncviewer vpt_align xauthority xen_extended_power_mgmt",
  "xen_platform_pci xen_platform_pci_bar_uc device_model_args_hvm device_model_args_pv",
  "arm_sci gic_version llc_colors nr_spis sve tee",
  // xm's: how it builds and looks after a domain is not the configuration's matter here.
  "loader bootargs bootentry home sched machine_address_size superpages on_xend_start on_xend_stop cpuid_check",
  "access_control fda fdb monitor vhpt guest_os_type memory_sharing actmem s3_integrity guest_iommu",
];

function words(lines: readonly string[]): ReadonlySet<string> {
  return new Set(lines.flatMap((line) => line.split(" ")));
}

export const LATER_KEYS = words(LATER);
export const NOT_FOR_PV_KEYS = words(NOT_FOR_PV);
