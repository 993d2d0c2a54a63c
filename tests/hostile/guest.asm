; A domain that means harm: it makes hypercalls with arguments between right and absurd, writes to its page tables, rings and wherever else it
; may, and executes privileged and random instructions in kernel and in user mode, until it dies or is destroyed. Both vCPUs do so.
;
; rbp: the state of this vCPU (S_*). Traps and events throw everything away and go on with the next round, so any routine may end anywhere.
; Routines may change rax, rcx, rdx, rsi, rdi, r8 - r11; rbx and r12 - r15 are kept.
; templates.ts adds `templates`, `template_count`, `rare_mask`, `snippets`, `snippet_count`, `trap_table0` and `trap_table1`.

; ---- state of a vCPU
S_RNG      equ 0
S_PROGRESS equ 8
S_AREA     equ 16
S_STACK    equ 24
S_TRAPS    equ 32
S_UPCALLS  equ 40
S_ACTION   equ 48
S_TEMPLATE equ 56
S_ARGS     equ 64
S_VCPU     equ 112
S_TABLE    equ 120       ; trap table
S_UPCALL   equ 128       ; entry of event upcalls
S_EXEC     equ 136       ; where the kernel sees the page of random code
S_EXEC_VA  equ 144       ; and where user mode sees it
S_SHARED   equ 152       ; vcpu_info
S_PORT     equ 160       ; VIRQ_TIMER's
S_BIND     equ 168       ; three words: virq, vcpu, port
S_CALL     equ 184       ; number of the last hypercall
S_RESULT   equ 192
S_WILD     equ 200       ; bits of which some are set when the next instruction is not a random one
S_SNIPPETS equ 208       ; how many of the snippets may be taken

; start_info
SI_SHARED_INFO  equ 40
SI_STORE_MFN    equ 56
SI_STORE_PORT   equ 64
SI_CONSOLE_MFN  equ 72
SI_CONSOLE_PORT equ 80
SI_PT_BASE      equ 88
SI_PT_FRAMES    equ 96
SI_MFN_LIST     equ 104
SI_CMD_LINE     equ 128

MACH2PHYS equ 0xffff800000000000
SPARES    equ 64         ; pages that are only there to be ruined
TABLES    equ 64         ; frames[64 .. 80): page tables, the kernel's and then the user mode's
USER_TABLES equ 72
SPECIAL   equ 80         ; frames[80 .. 96): what must not be touched
TIMESLICE equ 300000     ; nanoseconds that random code may run

base:
entry:
        cld
        lea     rsp, [rel stack0]
        lea     rbp, [rel state0]
        mov     [rel start_info], rsi
        mov     rax, [rsi + SI_MFN_LIST]
        mov     [rel p2m], rax

        ; The command line: seed, first frame of a victim, frames of this domain; 16 hexadecimal digits each.
        lea     rsi, [rsi + SI_CMD_LINE]
        call    parse
        mov     [rbp + S_RNG], rax
        mov     rdx, 0xd1342543de82ef95
        imul    rax, rdx
        lea     rdx, [rel state1]
        mov     [rdx + S_RNG], rax
        call    parse
        mov     [rel victim], rax
        call    parse
        mov     [rel own_frames], rax

        ; mfns of the spare pages
        xor     ebx, ebx
.spare:
        mov     rdi, rbx
        shl     rdi, 12
        lea     rdx, [rel spares]
        add     rdi, rdx
        call    mfn_of
        lea     rdx, [rel frames]
        mov     [rdx + rbx*8], rax
        inc     ebx
        cmp     ebx, SPARES
        jb      .spare

        ; of the page tables: the kernel's in turn, then the user mode's
        xor     ebx, ebx
.table:
        mov     rdx, [rel start_info]
        mov     eax, ebx
        xor     edx, edx
        mov     rcx, [rel start_info]
        mov     rcx, [rcx + SI_PT_FRAMES]
        div     ecx
        mov     edi, edx
        shl     rdi, 12
        mov     rdx, [rel start_info]
        add     rdi, [rdx + SI_PT_BASE]
        lea     rdx, [rel table_addresses]
        mov     [rdx + rbx*8], rdi
        call    mfn_of
        lea     rdx, [rel frames]
        mov     [rdx + rbx*8 + TABLES*8], rax
        lea     rdi, [rel user_l4]
        mov     eax, ebx
        and     eax, 3
        shl     eax, 12
        add     rdi, rax
        lea     rdx, [rel table_addresses]
        mov     [rdx + rbx*8 + 64], rdi
        call    mfn_of
        lea     rdx, [rel frames]
        mov     [rdx + rbx*8 + USER_TABLES*8], rax
        inc     ebx
        cmp     ebx, 8
        jb      .table

        ; what must not be touched
        lea     rbx, [rel frames]
        add     rbx, SPECIAL*8
        mov     rsi, [rel start_info]
        mov     rax, [rsi + SI_SHARED_INFO]
        shr     rax, 12
        mov     [rbx], rax
        lea     rdi, [rel base]
        call    mfn_of
        mov     [rbx + 8], rax
        mov     [rel own_base], rax
        mov     rsi, [rel start_info]
        mov     rdx, [rsi + SI_CONSOLE_MFN]
        mov     [rbx + 16], rdx
        mov     rdx, [rsi + SI_STORE_MFN]
        mov     [rbx + 24], rdx
        mov     rdx, [rel victim]
        mov     [rbx + 32], rdx
        add     rdx, 5
        mov     [rbx + 40], rdx
        add     rax, [rel own_frames]
        mov     [rbx + 48], rax
        inc     rax
        mov     [rbx + 56], rax
        add     rax, 90
        mov     [rbx + 64], rax
        add     rax, 800
        mov     [rbx + 72], rax
        add     rax, 1500
        mov     [rbx + 80], rax
        mov     qword [rbx + 88], 0
        mov     rax, 0xffffffffff
        mov     [rbx + 96], rax
        mov     rax, 0xfffffffffffff
        mov     [rbx + 104], rax
        mov     qword [rbx + 112], 511
        mov     rax, [rel victim]
        add     rax, 4100
        mov     [rbx + 120], rax

        ; the rings
        mov     rax, [rsi + SI_CONSOLE_MFN]
        call    address_of
        mov     [rel rings], rax
        mov     rsi, [rel start_info]
        mov     rax, [rsi + SI_STORE_MFN]
        call    address_of
        mov     [rel rings + 8], rax
        mov     rsi, [rel start_info]
        mov     eax, [rsi + SI_CONSOLE_PORT]
        mov     [rel ring_ports], eax
        mov     eax, [rsi + SI_STORE_PORT]
        mov     [rel ring_ports + 4], eax

        ; shared info takes the place of a page of ours
        lea     rdi, [rel shared_page]
        mov     rsi, [rsi + SI_SHARED_INFO]
        or      rsi, 7
        mov     edx, 2
        mov     eax, 14
        syscall
        mov     r15d, 1
        test    rax, rax
        jnz     bad

        ; User mode's tables: code and data pages, some spares, and its own L1 to look at, from 0x400000 on.
        lea     rbx, [rel user_l1]
        xor     r12d, r12d
.user_page:
        lea     rdi, [rel user_pages]
        mov     rax, r12
        shl     rax, 12
        add     rdi, rax
        call    mfn_of
        shl     rax, 12
        or      rax, 7
        mov     [rbx + r12*8], rax
        inc     r12d
        cmp     r12d, 12
        jb      .user_page
        mov     rdi, rbx
        call    mfn_of
        shl     rax, 12
        or      rax, 5
        mov     [rbx + 12*8], rax
        mov     ecx, 16
        lea     rsi, [rel frames]
.user_spare:
        mov     rax, [rsi + rcx*8]
        shl     rax, 12
        or      rax, 7
        mov     [rbx + rcx*8 + 12*8], rax
        dec     ecx
        jnz     .user_spare
        mov     rdi, rbx
        call    mfn_of
        shl     rax, 12
        or      rax, 7
        mov     [rel user_l2 + 16], rax
        lea     rdi, [rel user_l2]
        call    mfn_of
        shl     rax, 12
        or      rax, 7
        mov     [rel user_l3], rax
        lea     rdi, [rel user_l3]
        call    mfn_of
        shl     rax, 12
        or      rax, 7
        mov     [rel user_l4], rax
        xor     r12d, r12d
.read_only:
        lea     rdi, [rel user_l4]
        mov     rax, r12
        shl     rax, 12
        add     rdi, rax
        mov     rbx, rdi
        call    mfn_of
        mov     rsi, rax
        shl     rsi, 12
        or      rsi, 1
        mov     rdi, rbx
        mov     edx, 2
        mov     eax, 14
        syscall
        mov     r15d, 2
        test    rax, rax
        jnz     bad
        inc     r12d
        cmp     r12d, 4
        jb      .read_only
        mov     dword [rel op], 3               ; MMUEXT_PIN_L4_TABLE
        lea     rdi, [rel user_l4]
        call    mfn_of
        mov     [rel op + 8], rax
        mov     [rel user_l4_mfn], rax
        call    extended
        mov     r15d, 3
        test    rax, rax
        jnz     bad
        ; The kernel sees it there too.
        mov     rax, [rel frames + TABLES*8]
        shl     rax, 12
        mov     [rel op], rax
        mov     rax, [rel user_l4]
        mov     [rel op + 8], rax
        lea     rdi, [rel op]
        mov     esi, 1
        xor     edx, edx
        mov     r10d, 0x7ff0
        mov     eax, 1
        syscall
        mov     r15d, 4
        test    rax, rax
        jnz     bad

        ; The pages behind the areas are absent: pointers there end at a hole.
        lea     rdi, [rel hole]
        xor     esi, esi
        mov     edx, 2
        mov     eax, 14
        syscall
        mov     r15d, 5
        test    rax, rax
        jnz     bad

        ; Grants 8 to 23 of spare pages, to this domain and its neighbours.
        lea     rdi, [rel op]
        mov     word [rdi], 0x7ff0
        mov     dword [rdi + 4], 2
        lea     rax, [rel grant_list]
        mov     [rdi + 16], rax
        mov     rsi, rdi
        mov     edi, 2
        mov     edx, 1
        mov     eax, 20
        syscall
        mov     r15d, 6
        test    rax, rax
        jnz     bad
        lea     rdi, [rel grant_page]
        mov     rsi, [rel grant_list]
        shl     rsi, 12
        or      rsi, 7
        mov     edx, 2
        mov     eax, 14
        syscall
        mov     r15d, 7
        test    rax, rax
        jnz     bad
        call    grant

        ; The second vCPU
        lea     rdi, [rel context]
        mov     rax, [rel frames + TABLES*8]
        shl     rax, 12
        mov     [rdi + CTX_CR3], rax
        lea     rax, [rel second]
        mov     [rdi + CTX_RIP], rax
        lea     rax, [rel stack1]
        mov     [rdi + CTX_RSP], rax
        mov     [rdi + CTX_KERNEL_SP], rax
        lea     rdx, [rel context]
        mov     esi, 1
        xor     edi, edi
        mov     eax, 24
        syscall
        test    rax, rax
        jnz     .alone
        mov     edi, 1
        mov     esi, 1
        xor     edx, edx
        mov     eax, 24
        syscall
.alone:
        lea     rax, [rel stack0]
        mov     [rbp + S_STACK], rax
        jmp     begin

second:
        lea     rbp, [rel state1]
begin:
        mov     rsp, [rbp + S_STACK]
        call    restore
        jmp     main

; r15d: where it went wrong
bad:
        mov     [rel stage], r15
        mov     [rel stage_result], rax
        mov     dword [rel op], 3
        lea     rsi, [rel op]
        mov     edi, 2
        mov     eax, 29
        syscall
        ud2

; rsi: text. rax = its hexadecimal number; rsi is behind the blank that ends it
parse:
        xor     eax, eax
.digit:
        movzx   edx, byte [rsi]
        inc     rsi
        cmp     dl, ' '
        jbe     .end
        shl     rax, 4
        sub     dl, '0'
        cmp     dl, 9
        jbe     .add
        sub     dl, 39
.add:
        movzx   edx, dl
        or      rax, rdx
        jmp     .digit
.end:
        ret

; rdi: address in the image's mapping. rax = its mfn
mfn_of:
        lea     rax, [rel base]
        sub     rdi, rax
        shr     rdi, 12
        mov     rax, [rel p2m]
        mov     rax, [rax + rdi*8]
        ret

; rax: mfn. rax = the address where the builder mapped it
address_of:
        mov     rdx, MACH2PHYS
        mov     rax, [rdx + rax*8]
        shl     rax, 12
        lea     rdx, [rel base]
        add     rax, rdx
        ret

; mmuext_op of `op`
extended:
        lea     rdi, [rel op]
        mov     esi, 1
        xor     edx, edx
        mov     r10d, 0x7ff0
        mov     eax, 26
        syscall
        ret

; Grants of spare pages, some read-only: to this domain, the next and the one before.
grant:
        xor     ecx, ecx
.entry:
        lea     rdx, [rel frames]
        mov     eax, [rdx + rcx*8]
        lea     rdx, [rel grant_page]
        mov     [rdx + rcx*8 + 68], eax
        mov     eax, ecx
        and     eax, 4
        or      eax, 1
        mov     [rdx + rcx*8 + 64], ax
        mov     eax, ecx
        and     eax, 3
        lea     rsi, [rel domids]
        mov     ax, [rsi + rax*2]
        mov     [rdx + rcx*8 + 66], ax
        inc     ecx
        cmp     ecx, 16
        jb      .entry
        ret

; ---- random numbers

; rax = 64 random bits (xorshift); changes rdx
rnd:
        mov     rax, [rbp + S_RNG]
        mov     rdx, rax
        shl     rdx, 13
        xor     rax, rdx
        mov     rdx, rax
        shr     rdx, 7
        xor     rax, rdx
        mov     rdx, rax
        shl     rdx, 17
        xor     rax, rdx
        mov     [rbp + S_RNG], rax
        mov     rdx, 0x2545f4914f6cdd1d
        imul    rax, rdx
        ret

; rcx: a limit below 2^32. rax = a number below it
below:
        call    rnd
        shr     rax, 32
        mul     rcx
        shr     rax, 32
        ret

; rax = a value that breaks things: boundaries, addresses, frames
value:
        call    rnd
        mov     esi, eax
        shr     rax, 60
        lea     rdx, [rel values]
        jmp     qword [rdx + rax*8]
value_small:
        mov     eax, esi
        and     eax, 15
        ret
value_word:
        mov     eax, esi
        ret
value_power:
        mov     ecx, esi
        mov     eax, 1
        shl     rax, cl
        ret
value_mask:
        call    value_power
        dec     rax
        ret
value_negative:
        mov     eax, esi
        and     eax, 15
        neg     rax
        ret
value_edge:
        and     esi, 31
        lea     rdx, [rel edges]
        mov     rax, [rdx + rsi*8]
        ret
value_area:
        and     esi, 4095
        mov     rax, [rbp + S_AREA]
        add     rax, rsi
        ret
value_table:
        mov     eax, esi
        and     eax, 15
        shr     esi, 20
        lea     rdx, [rel table_addresses]
        add     rsi, [rdx + rax*8]
        mov     rax, rsi
        ret
value_code:
        and     esi, 0x3fff
        lea     rax, [rel base]
        add     rax, rsi
        ret
value_shared:
        and     esi, 4095
        lea     rax, [rel shared_page]
        add     rax, rsi
        ret
value_m2p:
        call    frame
        shl     rax, 3
        mov     rdx, MACH2PHYS
        add     rax, rdx
        ret
value_hole:
        and     esi, 63
        lea     rax, [rel hole]
        sub     rax, rsi
        ret

; rax = an mfn: mostly of a spare page, else of a page table, of something forbidden, or wild
frame:
        call    rnd
        mov     esi, eax
        shr     rax, 61
        lea     rdx, [rel frames]
        cmp     eax, 5
        jb      .spare
        je      .table
        cmp     eax, 6
        jne     value_word
        and     esi, 15
        mov     rax, [rdx + rsi*8 + SPECIAL*8]
        ret
.table:
        and     esi, 15
        mov     rax, [rdx + rsi*8 + TABLES*8]
        ret
.spare:
        and     esi, SPARES - 1
        mov     rax, [rdx + rsi*8]
        ret

; rax = a page-table entry
entry_value:
        call    rnd
        test    al, 7
        jz      .none
        shr     rax, 60
        lea     rdx, [rel entry_flags]
        mov     r8, [rdx + rax*8]
        call    frame
        shl     rax, 12
        or      rax, r8
        ret
.none:
        xor     eax, eax
        ret

; rax = the machine address of a page-table entry, with mmu_update's command in the low bits
entry_address:
        call    rnd
        mov     r9, rax
        shr     rax, 61
        mov     esi, r9d
        shr     esi, 9
        and     esi, 7
        lea     rdx, [rel frames]
        cmp     eax, 4
        jb      .user
        cmp     eax, 6
        jb      .spare
        je      .any
        mov     r8, [rdx + rsi*8 + TABLES*8]
        jmp     .slot
.user:
        mov     r8, [rdx + rsi*8 + USER_TABLES*8]
        jmp     .slot
.spare:
        mov     r8, [rdx + rsi*8]
        jmp     .slot
.any:
        call    frame
        mov     r8, rax
.slot:
        shl     r8, 12
        mov     eax, r9d
        and     eax, 511
        test    r9d, 0x10000
        jz      .whole
        and     eax, 31
.whole:
        shl     eax, 3
        add     r8, rax
        shr     r9, 24
        mov     eax, r9d
        and     eax, 15
        lea     rdx, [rel entry_commands]
        movzx   eax, byte [rdx + rax]
        add     rax, r8
        ret

; r13: {kind, -} and a parameter. rax = a value of that kind
generate:
        movzx   eax, byte [r13]
        mov     rsi, [r13 + 8]
        lea     rdx, [rel kinds]
        jmp     qword [rdx + rax*8]
kind_const:
        mov     rax, rsi
        ret
kind_below:
        mov     rcx, rsi
        jmp     below
kind_pick:
        mov     r8, rsi
        mov     rcx, [rsi]
        call    below
        mov     rax, [r8 + rax*8 + 8]
        ret
kind_bits:
        call    rnd
        and     rax, rsi
        ret
kind_spare_frame:
        call    rnd
        shr     rax, 58
        lea     rdx, [rel frames]
        mov     rax, [rdx + rax*8]
        ret
kind_spare_address:
        call    rnd
        shr     rax, 58
        shl     rax, 12
        lea     rdx, [rel spares]
        add     rax, rdx
        ret
; rsi: offset. Sometimes not aligned, or at the end of what is mapped.
kind_pointer:
        mov     r8, rsi
        add     r8, [rbp + S_AREA]
        call    rnd
        mov     esi, eax
        shr     rax, 58
        jz      value_hole
        cmp     eax, 1
        je      value
        cmp     eax, 2
        jne     .right
        and     esi, 7
        add     r8, rsi
.right:
        mov     rax, r8
        ret
kind_port:
        call    rnd
        mov     edx, 31
        test    eax, 0x70000
        jnz     .few
        mov     edx, 0x1fff
.few:
        and     eax, edx
        ret
kind_domid:
        call    rnd
        shr     rax, 60
        lea     rdx, [rel domids]
        movzx   eax, word [rdx + rax*2]
        ret
kind_code:
        lea     rax, [rel trap0]
        lea     rdx, [rel trap1]
        test    byte [rbp + S_VCPU], 1
        cmovnz  rax, rdx
        ret

; ---- rounds

main:
        cld
        mov     rsp, [rbp + S_STACK]
        inc     qword [rbp + S_PROGRESS]
        call    rnd
        test    al, 31
        jnz     .go
        call    restore
.go:
        call    rnd
        mov     esi, eax
        and     esi, 7
        shl     rsi, 12
        lea     rdx, [rel areas]
        add     rdx, rsi
        mov     [rbp + S_AREA], rdx
        shr     rax, 59
        mov     [rbp + S_ACTION], rax
        lea     rdx, [rel counts]
        lock inc qword [rdx + rax*8]
        lea     rdx, [rel actions]
        lea     rcx, [rel main]
        push    rcx
        jmp     qword [rdx + rax*8]

; What keeps this domain alive, set again: whatever came before may have ruined it.
restore:
        mov     rdi, [rbp + S_TABLE]
        xor     eax, eax
        syscall
        mov     rdi, [rbp + S_UPCALL]
        lea     rsi, [rel failsafe]
        xor     edx, edx
        mov     eax, 4
        syscall
        mov     edi, 0xe02b
        mov     rsi, [rbp + S_STACK]
        mov     eax, 3
        syscall
        xor     edi, edi                        ; VMASST_CMD_enable
        mov     esi, 2                          ; writable page tables
        mov     eax, 21
        syscall
        mov     dword [rel op], 15              ; MMUEXT_NEW_USER_BASEPTR
        mov     rax, [rel user_l4_mfn]
        mov     [rel op + 8], rax
        call    extended
        mov     edi, 1                          ; EVTCHNOP_bind_virq
        mov     dword [rbp + S_BIND], 0
        mov     eax, [rbp + S_VCPU]
        mov     [rbp + S_BIND + 4], eax
        lea     rsi, [rbp + S_BIND]
        mov     eax, 32
        syscall
        test    rax, rax
        jnz     .bound
        mov     eax, [rbp + S_BIND + 8]
        mov     [rbp + S_PORT], rax
.bound:
        lea     rdx, [rel shared_page]
        mov     eax, [rbp + S_PORT]
        and     eax, 1023
        lock btr qword [rdx + 2560], rax
        call    rnd
        test    al, 3
        jz      grant
        ret

; The timer, in a while: what follows may not come back by itself.
arm:
        rdtsc
        shl     rdx, 32
        lea     rdi, [rdx + rax + TIMESLICE]
        mov     eax, 15
        syscall
        ret

; A template's structures and arguments; then the call.
act_template:
        call    choose
        call    fill
        call    arguments
        call    pollute
        call    perform
        ; What is rare takes away what this domain stands on; one time in eight it stays so for a while.
        mov     rbx, [rbp + S_TEMPLATE]
        test    byte [rbx + 7], 1
        jz      .end
        call    rnd
        test    al, 7
        jnz     restore
.end:
        ret
; The call in S_TEMPLATE with S_ARGS.
perform:
        mov     rbx, [rbp + S_TEMPLATE]
        movzx   eax, word [rbx]
        mov     [rbp + S_CALL], rax
        cmp     eax, 29
        jne     .quick
        call    arm
.quick:
        mov     rax, [rbx + 8]
        lea     rdx, [rel template_calls]
        lock inc qword [rdx + rax*8]
        call    issue
        test    rax, rax
        js      .failed
        mov     rax, [rbx + 8]
        lea     rdx, [rel template_successes]
        lock inc qword [rdx + rax*8]
        cmp     word [rbx], 12
        jne     .failed
        ; memory_op: the frames in the list may be new ones
        call    rnd
        mov     esi, eax
        shr     rax, 58
        and     esi, 7
        mov     rdx, [rbp + S_AREA]
        mov     rsi, [rdx + rsi*8 + 2048]
        mov     rdx, rsi
        sub     rdx, [rel own_base]
        cmp     rdx, [rel own_frames]
        jae     .failed
        lea     rdx, [rel frames]
        mov     [rdx + rax*8], rsi
.failed:
        ret

; rbx = [rbp + S_TEMPLATE] = one of them; rare ones rarely
choose:
        lea     rcx, [rel template_count]
        mov     rcx, [rcx]
        call    below
        lea     rdx, [rel templates]
        mov     rbx, [rdx + rax*8]
        test    byte [rbx + 7], 1
        jz      .take
        call    rnd
        test    rax, 0x3f
        jnz     choose
.take:
        mov     [rbp + S_TEMPLATE], rbx
        ret

; rbx: template. Its structures in the area, `repeat` of them at `stride`
fill:
        push    r12
        push    r13
        push    r14
        push    r15
        mov     r12, [rbp + S_AREA]
        movzx   r15d, byte [rbx + 3]
.structure:
        movzx   r14d, byte [rbx + 2]
        lea     r13, [rbx + 16 + 6*16]
.field:
        sub     r14d, 1
        js      .filled
        call    generate
        movzx   edx, word [r13 + 4]
        movzx   ecx, byte [r13 + 1]
        add     r13, 16
        cmp     ecx, 8
        je      .eight
        cmp     ecx, 4
        je      .four
        cmp     ecx, 2
        je      .two
        mov     [r12 + rdx], al
        jmp     .field
.two:
        mov     [r12 + rdx], ax
        jmp     .field
.four:
        mov     [r12 + rdx], eax
        jmp     .field
.eight:
        mov     [r12 + rdx], rax
        jmp     .field
.filled:
        movzx   eax, word [rbx + 4]
        add     r12, rax
        ; (a template that was overwritten may say 0)
        sub     r15d, 1
        jg      .structure
        pop     r15
        pop     r14
        pop     r13
        pop     r12
        ret

; rbx: template. S_ARGS = its arguments; one in sixteen calls has a wild one
arguments:
        push    r13
        push    r14
        lea     r13, [rbx + 16]
        xor     r14d, r14d
.next:
        call    generate
        mov     [rbp + r14*8 + S_ARGS], rax
        add     r13, 16
        inc     r14d
        cmp     r14d, 6
        jb      .next
        call    rnd
        test    eax, 0xf0000
        jnz     .end
        mov     ecx, 6
        call    below
        mov     r14, rax
        call    value
        mov     [rbp + r14*8 + S_ARGS], rax
.end:
        pop     r14
        pop     r13
        ret

; One time in four: a word of the structures is something else.
pollute:
        call    rnd
        test    eax, 0x30000
        jnz     .end
        mov     r8d, eax
        and     r8d, 63
        call    value
        mov     rdx, [rbp + S_AREA]
        mov     [rdx + r8*8], rax
.end:
        ret

; The hypercall S_CALL with S_ARGS. rax = its result
issue:
        mov     rdi, [rbp + S_ARGS]
        mov     rsi, [rbp + S_ARGS + 8]
        mov     rdx, [rbp + S_ARGS + 16]
        mov     r10, [rbp + S_ARGS + 24]
        mov     r8, [rbp + S_ARGS + 32]
        mov     r9, [rbp + S_ARGS + 40]
        mov     rax, [rbp + S_CALL]
        syscall
        mov     [rbp + S_RESULT], rax
        ret

; Any number with any arguments: but for iret, sched_op and the old sched_op, which end a round or a life
act_raw:
        xor     ebx, ebx
.argument:
        call    value
        mov     [rbp + rbx*8 + S_ARGS], rax
        inc     ebx
        cmp     ebx, 6
        jb      .argument
        call    rnd
        mov     ebx, eax
        and     ebx, 63
        test    eax, 0xf0000
        jnz     .number
        mov     rbx, rax
.number:
        cmp     rbx, 23
        je      .end
        cmp     rbx, 29
        je      .end
        cmp     rbx, 6
        je      .end
        mov     [rbp + S_CALL], rbx
        mov     rax, rbx
        mov     edx, 64
        cmp     rax, rdx
        cmova   rax, rdx
        lea     rdx, [rel raw_calls]
        lock inc qword [rdx + rax*8]
        ; A sub-operation that exists, most of the time
        call    rnd
        test    al, 3
        jz      .issue
        and     eax, 0x1f00
        shr     eax, 8
        mov     [rbp + S_ARGS], rax
        test    al, 1
        jz      .issue
        mov     rax, [rbp + S_AREA]
        mov     [rbp + S_ARGS + 8], rax
.issue:
        call    issue
        cmp     ebx, 5
        jb      restore
        cmp     ebx, 28
        je      restore
        cmp     ebx, 30
        je      restore
.end:
        ret

; multicall of up to eight templates, each in an area of its own
act_multicall:
        call    rnd
        mov     r12d, eax
        and     r12d, 7
        inc     r12d
        xor     r14d, r14d
        mov     r15, [rbp + S_AREA]
        lea     r15, [r15 + 3072]
.entry:
        lea     rdx, [rel areas]
        mov     rax, r14
        shl     rax, 12
        add     rdx, rax
        mov     [rbp + S_AREA], rdx
        call    choose
        movzx   eax, word [rbx]
        cmp     eax, 29
        je      .entry
        mov     [r15], rax
        mov     qword [r15 + 8], 0
        call    fill
        call    arguments
        xor     ecx, ecx
.argument:
        mov     rax, [rbp + rcx*8 + S_ARGS]
        mov     [r15 + rcx*8 + 16], rax
        inc     ecx
        cmp     ecx, 6
        jb      .argument
        add     r15, 64
        inc     r14d
        cmp     r14d, r12d
        jb      .entry
        mov     rax, r12
        shl     rax, 6
        sub     r15, rax
        mov     [rbp + S_ARGS], r15
        mov     [rbp + S_ARGS + 8], r12
        call    rnd
        test    eax, 0x1f000
        jnz     .count
        call    value
        mov     [rbp + S_ARGS + 8], rax
.count:
        mov     qword [rbp + S_CALL], 13
        call    issue
        call    rnd
        test    al, 3
        jnz     restore
        ret

; A store into a page table that is mapped read-only (or a spare page, whatever it is by now), by one of several instructions
act_store:
        call    entry_value
        mov     r12, rax
        call    rnd
        mov     esi, eax
        shr     rax, 60
        lea     rdx, [rel table_addresses]
        mov     rbx, [rdx + rax*8]
        cmp     eax, 8
        jae     .address
        ; The kernel's own tables half of the time only
        test    esi, 0x40000
        jz      .address
        mov     eax, esi
        shr     eax, 26
        shl     eax, 12
        lea     rbx, [rel spares]
        add     rbx, rax
.address:
        mov     eax, esi
        and     eax, 0xff8
        test    esi, 0x70000
        jnz     .aligned
        mov     eax, esi
        and     eax, 0xfff
.aligned:
        add     rbx, rax
        shr     esi, 20
        and     esi, 15
        lea     rdx, [rel stores]
        mov     rax, r12
        jmp     qword [rdx + rsi*8]
store_mov:
        mov     [rbx], rax
        ret
store_half:
        mov     [rbx], eax
        ret
store_byte:
        mov     [rbx], al
        ret
store_xchg:
        xchg    [rbx], rax
        ret
store_cmpxchg:
        mov     r8, rax
        mov     rax, [rbx]
        lock cmpxchg [rbx], r8
        ret
store_cmpxchg16:
        and     rbx, -16
        mov     rcx, rax
        mov     rax, [rbx]
        mov     rdx, [rbx + 8]
        lock cmpxchg16b [rbx]
        ret
store_add:
        lock xadd [rbx], rax
        ret
store_bits:
        and     eax, 63
        lock btc qword [rbx], rax
        ret
store_or:
        or      qword [rbx], 2
        ret
store_many:
        mov     rdi, rbx
        mov     ecx, 3
        rep stosq
        ret
store_copy:
        lea     rdi, [rbx]
        mov     rsi, [rbp + S_AREA]
        mov     ecx, 2
        rep movsq
        ret
store_vector:
        movq    xmm0, rax
        movups  [rbx], xmm0
        ret
store_push:
        call    rnd
        test    ax, 511
        jnz     store_many
        mov     rsp, rbx
        push    rax
        jmp     main
store_call:
        call    rnd
        test    ax, 511
        jnz     store_copy
        mov     rsp, rbx
        jmp     .there
.there:
        mov     r8, [rbp + S_AREA]
        mov     [r8], rax
        mov     word [r8 + 8], ax
        call    far qword [r8]
        jmp     main

; Garbage in a ring, and an event for the other end
act_ring:
        call    rnd
        mov     ebx, eax
        and     ebx, 1
        lea     rdx, [rel rings]
        mov     r12, [rdx + rbx*8]
        mov     esi, eax
        shr     esi, 8
        and     esi, 0xffc
        test    eax, 0x30000000
        jz      .somewhere
        ; The indexes: of the console at 3072, of XenStore's at 2048
        and     esi, 12
        add     esi, 3072
        test    ebx, ebx
        jz      .somewhere
        sub     esi, 1024
.somewhere:
        add     r12, rsi
        call    rnd
        test    eax, 0x700
        jnz     .small
        mov     [r12], eax
        jmp     .send
.small:
        shr     rax, 56
        mov     [r12], eax
.send:
        lea     rdx, [rel ring_ports]
        mov     eax, [rdx + rbx*4]
        mov     [rbp + S_BIND + 12], eax
        mov     edi, 4                          ; EVTCHNOP_send
        lea     rsi, [rbp + S_BIND + 12]
        mov     eax, 32
        syscall
        ret

; Code of known and of random instructions in this vCPU's page
make_code:
        push    r12
        push    r13
        push    r14
        mov     r12, [rbp + S_EXEC]
        mov     r14d, 24
.instruction:
        call    rnd
        and     eax, [rbp + S_WILD]
        jz      .random
        mov     rcx, [rbp + S_SNIPPETS]
        call    below
        lea     rdx, [rel snippets]
        mov     rsi, [rdx + rax*8]
        movzx   ecx, byte [rsi]
        movzx   r13d, byte [rsi + 1]
        add     rsi, 2
        mov     rdi, r12
        rep movsb
        mov     r12, rdi
        test    r13d, r13d
        jz      .next
.bytes:
        call    rnd
        mov     [r12], al
        inc     r12
        dec     r13d
        jnz     .bytes
        jmp     .next
.random:
        mov     [r12], rax
        add     r12, 3
.next:
        dec     r14d
        jnz     .instruction
        mov     ecx, 32
        mov     eax, 0x0b0f0b0f
        mov     rdi, r12
        rep stosd
        pop     r14
        pop     r13
        pop     r12
        ret

; Registers for random code. rsp and rbp stay.
scramble:
        call    value
        push    rax
        call    value
        push    rax
        call    value
        push    rax
        call    value
        mov     r12, rax
        call    value
        mov     r13, rax
        call    value
        mov     r14, rax
        call    value
        mov     r15, rax
        call    value
        mov     r10, rax
        call    value
        mov     rbx, rax
        call    value
        mov     rdi, rax
        call    kind_user_data
        mov     r9, rax
        call    kind_user_data
        mov     rsi, rax
        pop     r8
        pop     rdx
        pop     rcx
        ret
kind_user_data:
        call    rnd
        and     eax, 0x7fff
        add     eax, 0x404000
        ret

act_user:
        mov     qword [rbp + S_WILD], 0x7000
        mov     rcx, [rel snippet_count]
        mov     [rbp + S_SNIPPETS], rcx
        call    make_code
        call    arm
        call    rnd
        mov     r12, rax
        ; ss, rsp, rflags, cs, rip, flags: HYPERVISOR_iret's frame
        mov     eax, 0xe02b
        push    rax
        mov     eax, r12d
        and     eax, 0xff8
        add     eax, 0x404000
        push    rax
        mov     eax, 0x202
        test    r12d, 0x3000
        jnz     .flags
        call    rnd
        and     eax, 0x2fffff
        or      eax, 0x202
.flags:
        push    rax
        mov     eax, 0xe033
        test    r12d, 0xf0000
        jnz     .code
        mov     eax, 0xe023
        test    r12d, 0x700000
        jnz     .code
        call    rnd
        or      eax, 3
        movzx   eax, ax
.code:
        push    rax
        push    qword [rbp + S_EXEC_VA]
        mov     eax, r12d
        shr     eax, 24
        and     eax, 1
        shl     eax, 8
        push    rax
        call    scramble
        jmp     hypercall_page + 23*32

; In kernel mode a bad stack is the end; that one is tried in one of 64 rounds.
act_kernel:
        call    rnd
        mov     rcx, [rel safe_snippet_count]
        mov     edx, 0x7fffff00
        test    al, 63
        jnz     .tame
        mov     rcx, [rel snippet_count]
        mov     edx, 0x7000
.tame:
        mov     [rbp + S_WILD], rdx
        mov     [rbp + S_SNIPPETS], rcx
        call    make_code
        call    arm
        mov     rax, [rbp + S_SHARED]
        mov     byte [rax + 1], 0
        call    scramble
        mov     rax, [rbp + S_EXEC_VA]
        jmp     rax

; A frame for HYPERVISOR_iret with anything in it
act_iret:
        call    arm
        mov     ecx, 9
.word:
        push    rcx
        call    value
        pop     rcx
        push    rax
        dec     ecx
        jnz     .word
        call    rnd
        test    ax, 0xff00
        jz      .go
        or      qword [rsp + 8*5], 3            ; to user mode
        test    al, 3
        jz      .go
        mov     qword [rsp + 8*5], 0xe033
        mov     qword [rsp + 8*8], 0xe02b
        mov     rax, [rbp + S_EXEC_VA]
        mov     [rsp + 8*4], rax
.go:
        mov     eax, 23
        syscall
        jmp     main

; ---- traps and events: the round is over
trap0:
        lea     rbp, [rel state0]
        jmp     trap
trap1:
        lea     rbp, [rel state1]
trap:
        inc     qword [rbp + S_TRAPS]
        jmp     main
upcall0:
        lea     rbp, [rel state0]
        jmp     upcall
upcall1:
        lea     rbp, [rel state1]
upcall:
        inc     qword [rbp + S_UPCALLS]
        mov     rdx, [rbp + S_SHARED]
        mov     byte [rdx], 0
        mov     qword [rdx + 8], 0
        lea     rdx, [rel shared_page]
        xor     eax, eax
        xchg    [rdx + 2048], rax
        jmp     main
failsafe:
        lea     rdx, [rel stack0]
        mov     rax, rsp
        sub     rdx, rax
        cmp     rdx, 4096
        jb      trap0
        jmp     trap1

; ---- data
        align   8
values: dq value_small, rnd, value_word, value_power, value_mask, value_negative, value_edge, value_area
        dq value_table, frame, entry_value, value_code, value_shared, value_m2p, value_hole, value_edge
kinds:  dq kind_const, kind_below, kind_pick, value, kind_bits, frame, kind_spare_frame, kind_spare_address
        dq entry_value, entry_address, kind_pointer, kind_port, kind_domid, kind_code
actions: times 14 dq act_template
        dq act_raw, act_raw, act_raw, act_multicall, act_multicall, act_multicall
        dq act_store, act_store, act_store, act_store, act_user, act_user, act_user, act_kernel, act_kernel, act_iret, act_ring, act_user
stores: dq store_mov, store_mov, store_mov, store_half, store_byte, store_xchg, store_cmpxchg, store_cmpxchg16
        dq store_add, store_bits, store_or, store_many, store_copy, store_vector, store_push, store_call
entry_flags: dq 0, 1, 3, 5, 7, 7, 7, 7, 0x27, 0x67, 0x107, 0x87, 0x63, 0x17, 0x8000000000000067, 0x0010000000000063
entry_commands: db 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 2, 3, 4, 7
domids: dw 0x7ff0, 0, 1, 2, 3, 4, 5, 6, 0x7ff0, 0x7ff1, 0x7ff2, 0x7ff4, 0x7fff, 0xffff, 7, 0x7ff0
        align   8
edges:  dq 0x00007fffffffffff, 0x0000800000000000, 0xffff7fffffffffff, 0xffff800000000000
        dq 0xffff87ffffffffff, 0xffff880000000000, 0xffffffffffffffff, 0xfffffffffffff000
        dq 0xfffffffffffffff8, 0x00007ffffffffff8, 0x00007ffffffff000, 0xffff87fffffffff8
        dq 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000
        dq 0xfffffffe, 0x7ff0, 0x7ff1, 0x7ff2
        dq 0x8000000000000000, 0x7fffffffffffffff, 0x3fffffffffffffff, 0x1fffffffffffffff
        dq 0xffff880000000fff, 0x400000, 0x404ff8, 0xfffffffffffffffe
        dq 0xfffffff0, 0x80000001, 0x1000, 0xfff

start_info:    dq 0
p2m:           dq 0
victim:        dq 0
own_frames:    dq 0
own_base:      dq 0
user_l4_mfn:   dq 0
rings:         dq 0, 0
ring_ports:    dd 0, 0
op:            dq 0, 0, 0, 0
grant_list:    dq 0, 0
stage:         dq 0
stage_result:  dq 0
table_addresses: times 16 dq 0
frames:        times 96 dq 0

        align   4096
state0: dq 1, 0, 0, stack0, 0, 0, 0, 0
        times 6 dq 0
        dq 0, trap_table0, upcall0, user_pages, 0x400000, shared_page, 2, 0, 0, 0, 0, 0, 0
        align   1024
state1: dq 1, 0, 0, stack1, 0, 0, 0, 0
        times 6 dq 0
        dq 1, trap_table1, upcall1, user_pages + 8192, 0x402000, shared_page + 64, 3, 0, 0, 0, 0, 0, 0
        align   1024
        align   4096
bss:
; What follows takes no room in the file.
counts             equ bss                 ; 32
raw_calls          equ bss + 256           ; 65
template_calls     equ bss + 4096          ; 256
template_successes equ bss + 4096 + 2048   ; 256
stack0      equ bss + 4*4096
stack1      equ bss + 6*4096
user_pages  equ bss + 6*4096               ; 12
user_l4     equ bss + 18*4096
user_l3     equ bss + 19*4096
user_l2     equ bss + 20*4096
user_l1     equ bss + 21*4096
shared_page equ bss + 22*4096
grant_page  equ bss + 23*4096
spares      equ bss + 24*4096              ; SPARES
areas       equ bss + 88*4096              ; 8
hole        equ bss + 96*4096
hypercall_page equ bss + 97*4096
bss_end     equ bss + 98*4096
