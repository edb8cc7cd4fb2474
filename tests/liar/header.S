/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Its head: a bzImage's boot sector and setup header (Linux Documentation/arch/x86/boot.rst), the 64-bit entry, interrupt stubs.
 *
 * The VMM enters at 0x200 behind the load address: interrupts off, the first 4 GiB mapped one to one, boot parameters in RSI, code and data
 * segments as a Linux kernel has them (0x10, 0x18).
 */
	.section .header, "a"
	.org 0x1f1
	.byte 1				/* setup_sects */
	.org 0x1fe
	.word 0xaa55
	.byte 0xeb, 0x66		/* the header ends at 0x268 */
	.ascii "HdrS"
	.word 0x020f
	.org 0x211
	.byte 1				/* loaded high */
	.org 0x214
	.long 0x100000
	.org 0x22c
	.long 0x7fffffff		/* initrd_addr_max */
	.long 0x200000			/* kernel_alignment */
	.org 0x236
	.word 1				/* xloadflags: 64-bit entry */
	.long 0x7ff			/* cmdline_size */
	.org 0x258
	.quad 0x1000000			/* pref_address */
	.long liar_size		/* init_size */
	.org 0x400			/* one sector of setup */
	.space 0x200			/* where a 32-bit kernel would begin */

	.section .entry, "ax"
	.globl _start
_start:
	leaq stack_end(%rip), %rsp
	leaq bss_start(%rip), %rdi
	leaq bss_end(%rip), %rcx
	subq %rdi, %rcx
	shrq $3, %rcx
	xorl %eax, %eax
	cld
	rep stosq
	movq %rsi, %rdi
	lgdt gdt_pointer(%rip)
	call liar_main
1:	hlt
	jmp 1b

	.macro save
	push %rax
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	.endm
	.macro restore
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rax
	.endm

	/* Exceptions end it: which one, and what lies on the stack. */
	.balign 16
	.globl exception_stubs, interrupt_stubs
exception_stubs:
	.set vector, 0
	.rept 32
	.balign 16
	movl $vector, %edi
	movq (%rsp), %rsi
	movq 8(%rsp), %rdx
	jmp exception_common
	.set vector, vector + 1
	.endr
exception_common:
	call liar_exception
1:	hlt
	jmp 1b

	/* Interrupts from 0x20 on. */
	.balign 16
interrupt_stubs:
	.set vector, 0x20
	.rept 0x60
	.balign 16
	push %rdi
	movl $vector, %edi
	jmp interrupt_common
	.set vector, vector + 1
	.endr
interrupt_common:
	save
	call liar_interrupt
	restore
	pop %rdi
	iretq

	.section .data
	.balign 8
gdt:	.quad 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word 31
	.quad gdt

	.section .bss
	.balign 16
	.space 16384
stack_end:
	.section .note.GNU-stack, "", @progbits
