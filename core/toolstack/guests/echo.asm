; The built-in guest "echo": a 64-bit PV kernel that prints a banner, echoes what is typed on its console, counts a tick a second
; and obeys a few one-word commands. It uses the Xen ABI as other guests do: hypercall page, shared info, events, pvclock, m2p.
;
; Registers: every routine may change rax, rcx, rdx, rsi, rdi, r8 - r11; rbx, rbp, r12 - r15 are kept.

; ---- numbers of the ABI (public/xen.h, sched.h, event_channel.h, vcpu.h)
HYPERVISOR_set_callbacks     equ 4
HYPERVISOR_update_va_mapping equ 14
HYPERVISOR_set_timer_op      equ 15
HYPERVISOR_iret              equ 23
HYPERVISOR_vcpu_op           equ 24
HYPERVISOR_sched_op          equ 29
HYPERVISOR_event_channel_op  equ 32
SCHEDOP_yield     equ 0
SCHEDOP_block     equ 1
SCHEDOP_shutdown  equ 2
SHUTDOWN_poweroff equ 0
SHUTDOWN_reboot   equ 1
SHUTDOWN_crash    equ 3
EVTCHNOP_bind_virq equ 1
EVTCHNOP_send      equ 4
VIRQ_TIMER         equ 0
VCPUOP_stop_periodic_timer equ 7
UVMF_INVLPG        equ 2
MACH2PHYS          equ 0xffff800000000000
NANOSECONDS        equ 1000000000

; start_info
SI_NR_PAGES     equ 32
SI_SHARED_INFO  equ 40
SI_CONSOLE_MFN  equ 72
SI_CONSOLE_PORT equ 80

; shared_info
SH_UPCALL_PENDING equ 0
SH_UPCALL_MASK    equ 1
SH_PENDING_SEL    equ 8
SH_TIME           equ 32
SH_EVTCHN_PENDING equ 2048
SH_EVTCHN_MASK    equ 2560
SH_WC_VERSION     equ 3072
SH_WC_SEC         equ 3076

; xencons_interface
IN_RING  equ 0
OUT_RING equ 1024
IN_CONS  equ 3072
IN_PROD  equ 3076
OUT_CONS equ 3080
OUT_PROD equ 3084

base:
; ---- start of day: rsi = start_info, rsp = a stack
entry:
        cld
        mov     [rel start_info], rsi
        mov     rax, [rsi + SI_CONSOLE_PORT]
        mov     [rel console_port], eax

        ; The console's page is among those that the builder mapped: its pfn is in the machine-to-phys table.
        mov     rax, [rsi + SI_CONSOLE_MFN]
        mov     rdx, MACH2PHYS
        mov     rax, [rdx + rax*8]
        shl     rax, 12
        lea     rdx, [rel base]
        add     rax, rdx
        mov     [rel console], rax

        ; Shared info takes the place of a page of ours.
        lea     rdi, [rel shared_page]
        mov     rsi, [rsi + SI_SHARED_INFO]
        or      rsi, 7
        mov     edx, UVMF_INVLPG
        call    hypercall_page + HYPERVISOR_update_va_mapping*32
        test    rax, rax
        jnz     die

        lea     rdi, [rel event_callback]
        lea     rsi, [rel failsafe_callback]
        xor     edx, edx
        call    hypercall_page + HYPERVISOR_set_callbacks*32
        test    rax, rax
        jnz     die

        mov     edi, EVTCHNOP_bind_virq
        lea     rsi, [rel bind_virq]
        call    hypercall_page + HYPERVISOR_event_channel_op*32
        test    rax, rax
        jnz     die
        mov     edi, VCPUOP_stop_periodic_timer
        xor     esi, esi
        xor     edx, edx
        call    hypercall_page + HYPERVISOR_vcpu_op*32
        test    rax, rax
        jnz     die

        ; Both ports are below 64; events are looked for with the upcall masked and come in while the vCPU blocks.
        lea     rbp, [rel shared_page]
        mov     eax, [rel console_port]
        lock btr qword [rbp + SH_EVTCHN_MASK], rax
        mov     eax, [rel timer_port]
        lock btr qword [rbp + SH_EVTCHN_MASK], rax

        lea     rsi, [rel banner]
        call    print
        mov     rax, [rel start_info]
        mov     rax, [rax + SI_NR_PAGES]
        shr     rax, 8
        call    print_number
        lea     rsi, [rel banner_end]
        call    print
        call    system_time
        mov     [rel next_tick], rax
        call    set_timer
        lea     rsi, [rel prompt]
        call    print

; ---- the rest of its life
main:
        mov     byte [rbp + SH_UPCALL_MASK], 1
        call    take_input
        call    take_tick
        cmp     qword [rel pending], 0
        jne     .events
        mov     edi, SCHEDOP_block
        xor     esi, esi
        call    hypercall_page + HYPERVISOR_sched_op*32
        jmp     main
.events:
        mov     qword [rel pending], 0
        jmp     main

; An upcall: rcx, r11, rip, cs, rflags, rsp, ss on the stack. Collects the pending ports; the main loop looks at everything anyway.
event_callback:
        push    rax
        push    rdx
        lea     rdx, [rel shared_page]
        mov     byte [rdx + SH_UPCALL_PENDING], 0
        xor     eax, eax
        xchg    [rdx + SH_PENDING_SEL], rax
        xor     eax, eax
        xchg    [rdx + SH_EVTCHN_PENDING], rax
        or      [rel pending], rax
        inc     qword [rel upcalls]
        pop     rdx
        pop     rax
        pop     rcx
        pop     r11
        push    0
        jmp     hypercall_page + HYPERVISOR_iret*32

failsafe_callback:
        ud2

die:
        mov     edi, SHUTDOWN_crash
; edi = reason
shutdown:
        mov     [rel shutdown_reason], edi
        mov     edi, SCHEDOP_shutdown
        lea     rsi, [rel shutdown_reason]
        call    hypercall_page + HYPERVISOR_sched_op*32
        ud2

; ---- time

; rax = system time in nanoseconds: the pvclock protocol of vcpu_time_info
system_time:
        lea     r8, [rel shared_page]
.again:
        mov     r9d, [r8 + SH_TIME]
        test    r9d, 1
        jnz     .again
        lfence
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        sub     rax, [r8 + SH_TIME + 8]
        mov     cl, [r8 + SH_TIME + 28]
        test    cl, cl
        js      .right
        shl     rax, cl
        jmp     .scale
.right:
        neg     cl
        shr     rax, cl
.scale:
        mov     edx, [r8 + SH_TIME + 24]
        mul     rdx
        shrd    rax, rdx, 32
        add     rax, [r8 + SH_TIME + 16]
        lfence
        cmp     r9d, [r8 + SH_TIME]
        jne     .again
        ret

; Counts the seconds that have passed and sets the timer for the next.
take_tick:
        call    system_time
        cmp     rax, [rel next_tick]
        jb      no_tick
        inc     qword [rel ticks]
        cmp     byte [rel show_ticks], 0
        je      set_timer
        lea     rsi, [rel tick_text]
        call    print
        mov     rax, [rel ticks]
        call    print_number
        lea     rsi, [rel newline]
        call    print
set_timer:
        mov     rdi, [rel next_tick]
        add     rdi, NANOSECONDS
        mov     [rel next_tick], rdi
        call    hypercall_page + HYPERVISOR_set_timer_op*32
no_tick:
        ret

; ---- console

; al = a character
put:
        push    rbx
        push    r12
        mov     rbx, [rel console]
        mov     r12d, eax
.room:
        mov     ecx, [rbx + OUT_PROD]
        mov     edx, ecx
        sub     edx, [rbx + OUT_CONS]
        cmp     edx, 2048
        jb      .store
        call    notify
        mov     edi, SCHEDOP_yield
        xor     esi, esi
        call    hypercall_page + HYPERVISOR_sched_op*32
        jmp     .room
.store:
        mov     edx, ecx
        and     edx, 2047
        mov     [rbx + rdx + OUT_RING], r12b
        inc     ecx
        mov     [rbx + OUT_PROD], ecx
        pop     r12
        pop     rbx
        ret

notify:
        mov     edi, EVTCHNOP_send
        lea     rsi, [rel console_port]
        jmp     hypercall_page + HYPERVISOR_event_channel_op*32

; rsi = text, 0 at its end
print:
        push    rbx
        mov     rbx, rsi
.next:
        mov     al, [rbx]
        test    al, al
        jz      .end
        inc     rbx
        call    put
        jmp     .next
.end:
        call    notify
        pop     rbx
        ret

; rax = an unsigned number
print_number:
        push    rbx
        sub     rsp, 32
        lea     rbx, [rsp + 31]
        mov     byte [rbx], 0
        mov     ecx, 10
.digit:
        xor     edx, edx
        div     rcx
        add     dl, '0'
        dec     rbx
        mov     [rbx], dl
        test    rax, rax
        jnz     .digit
        mov     rsi, rbx
        call    print
        add     rsp, 32
        pop     rbx
        ret

; Echoes what came in; a whole line is a command.
take_input:
        push    rbx
        push    r12
        xor     r12d, r12d
        mov     rbx, [rel console]
.next:
        mov     ecx, [rbx + IN_CONS]
        cmp     ecx, [rbx + IN_PROD]
        je      .empty
        mov     edx, ecx
        and     edx, 1023
        movzx   r12d, byte [rbx + rdx + IN_RING]
        inc     ecx
        mov     [rbx + IN_CONS], ecx
        cmp     r12b, 13
        je      .enter
        cmp     r12b, 10
        je      .enter
        cmp     r12b, 8
        je      .erase
        cmp     r12b, 127
        je      .erase
        mov     eax, [rel line_length]
        cmp     eax, 63
        jae     .next
        lea     rdx, [rel line]
        mov     [rdx + rax], r12b
        inc     dword [rel line_length]
        mov     eax, r12d
        call    put
        call    notify
        jmp     .next
.erase:
        cmp     dword [rel line_length], 0
        je      .next
        dec     dword [rel line_length]
        lea     rsi, [rel rubout]
        call    print
        jmp     .next
.enter:
        lea     rsi, [rel newline]
        call    print
        call    obey
        mov     dword [rel line_length], 0
        lea     rsi, [rel prompt]
        call    print
        jmp     .next
.empty:
        ; Domain-0 may have more than the ring held.
        test    r12d, r12d
        jz      .idle
        call    notify
.idle:
        pop     r12
        pop     rbx
        ret

; The command in `line`: looks it up in `commands`.
obey:
        push    rbx
        mov     eax, [rel line_length]
        test    eax, eax
        jz      .done
        lea     rdx, [rel line]
        mov     byte [rdx + rax], 0
        lea     rbx, [rel commands]
.try:
        mov     rsi, [rbx]
        test    rsi, rsi
        jz      .unknown
        lea     rdi, [rel line]
.compare:
        mov     al, [rsi]
        cmp     al, [rdi]
        jne     .other
        inc     rsi
        inc     rdi
        test    al, al
        jnz     .compare
        call    qword [rbx + 8]
        jmp     .done
.other:
        add     rbx, 16
        jmp     .try
.unknown:
        lea     rsi, [rel unknown_text]
        call    print
.done:
        pop     rbx
        ret

; ---- commands

help:
        lea     rsi, [rel help_text]
        jmp     print

halt:
        lea     rsi, [rel halt_text]
        call    print
        mov     edi, SHUTDOWN_poweroff
        jmp     shutdown

reboot:
        mov     edi, SHUTDOWN_reboot
        jmp     shutdown

crash:
        mov     edi, SHUTDOWN_crash
        jmp     shutdown

; No trap table is set: Xen has nowhere to deliver this to.
fault:
        mov     rax, 0x1122334455667788
        ud2

; Uses up processor time until something is typed.
spin:
        mov     rdx, [rel console]
.more:
        inc     qword [rel spins]
        mov     eax, [rdx + IN_CONS]
        cmp     eax, [rdx + IN_PROD]
        je      .more
        lea     rsi, [rel spun_text]
        call    print
        mov     rax, [rel spins]
        call    print_number
        lea     rsi, [rel newline]
        jmp     print

toggle:
        xor     byte [rel show_ticks], 1
        ret

time:
        lea     rsi, [rel uptime_text]
        call    print
        call    system_time
        xor     edx, edx
        mov     ecx, 1000000
        div     rcx
        call    print_number
        lea     rsi, [rel ticks_text]
        call    print
        mov     rax, [rel ticks]
        call    print_number
        lea     rsi, [rel clock_text]
        call    print
        ; wc_sec, wc_nsec: the time of day at system time 0
        lea     r8, [rel shared_page]
.again:
        mov     r9d, [r8 + SH_WC_VERSION]
        test    r9d, 1
        jnz     .again
        lfence
        mov     eax, [r8 + SH_WC_SEC]
        mov     ecx, [r8 + SH_WC_SEC + 8]
        shl     rcx, 32
        or      rax, rcx
        mov     ecx, NANOSECONDS
        mul     rcx
        mov     ecx, [r8 + SH_WC_SEC + 4]
        add     rax, rcx
        lfence
        cmp     r9d, [r8 + SH_WC_VERSION]
        jne     .again
        push    rax
        call    system_time
        pop     rcx
        add     rax, rcx
        xor     edx, edx
        mov     ecx, NANOSECONDS
        div     rcx
        call    print_number
        lea     rsi, [rel newline]
        jmp     print

; ---- data

        align   8
commands:
        dq      word_help, help
        dq      word_time, time
        dq      word_ticks, toggle
        dq      word_spin, spin
        dq      word_halt, halt
        dq      word_reboot, reboot
        dq      word_crash, crash
        dq      word_fault, fault
        dq      0

start_info:      dq 0
console:         dq 0
pending:         dq 0
upcalls:         dq 0
ticks:           dq 0
next_tick:       dq 0
spins:           dq 0
bind_virq:       dd VIRQ_TIMER, 0
timer_port:      dd 0
console_port:    dd 0
shutdown_reason: dd 0
line_length:     dd 0
line:            times 64 db 0
show_ticks:      db 0

banner:       db "Xenolith's built-in guest: 64-bit PV, ", 0
banner_end:   db " MiB\r\nType help for the commands.\r\n", 0
prompt:       db "> ", 0
newline:      db "\r\n", 0
rubout:       db 8, " ", 8, 0
help_text:    db "help    this text\r\n"
              db "time    milliseconds since the host started, ticks, seconds since 1970\r\n"
              db "ticks   show each tick (a second), or no longer\r\n"
              db "spin    use the processor until a key is pressed\r\n"
              db "halt    power off\r\n"
              db "reboot, crash, fault: end otherwise\r\n", 0
halt_text:    db "Goodbye.\r\n", 0
unknown_text: db "No such command.\r\n", 0
tick_text:    db "tick ", 0
uptime_text:  db "uptime ", 0
ticks_text:   db " ms, ticks ", 0
clock_text:   db ", clock ", 0
spun_text:    db "spins ", 0
word_help:    db "help", 0
word_time:    db "time", 0
word_ticks:   db "ticks", 0
word_spin:    db "spin", 0
word_halt:    db "halt", 0
word_reboot:  db "reboot", 0
word_crash:   db "crash", 0
word_fault:   db "fault", 0

        align   4096
hypercall_page:
        times   4096 db 0x90
shared_page:
        times   4096 db 0
