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

        ; The command line: seed, first frame of a victim, frames of this domain, its domid; in hexadecimal.
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
        call    parse
        lea     rdx, [rel neighbours]
        mov     [rdx], ax
        mov     [rdx + 2], ax
        inc     eax
        mov     [rdx + 4], ax
        sub     eax, 2
        mov     [rdx + 6], ax

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
        lea     rsi, [rel neighbours]
        mov     ax, [rsi + rax*2]
        mov     [rdx + rcx*8 + 66], ax
        inc     ecx
        cmp     ecx, 16
        jb      .entry
        ret
