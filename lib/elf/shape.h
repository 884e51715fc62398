/* SPDX-License-Identifier: LGPL-2.1 */
/*
 * What differs between kernels for who reads their files: the entries of the
 * tables of patch sites, and what arch/x86/kernel/alternative.c makes of code. No
 * kernel is known by its number: the size of a table's entries says which form
 * they have, and of what kernels do in one of several ways each is known.
 */
#ifndef LIB_ELF_SHAPE_H
#define LIB_ELF_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * struct alt_instr. From 6.3 on it has 32 bits of flags; 6.8 has made paravirt
 * calls entries of it, and alternatives within alternatives.
 */
struct alt_shape {
	uint8_t size;
	/*
	 * Whatever in a replacement is relative to RIP leads to the same place from
	 * where it is copied to; all entries of a site have the length of its longest;
	 * a jump that gets short is filled up with INT3 (text_poke_apply_relocation()).
	 * Else that goes for the replacement's one CALL or JMP alone, which is filled
	 * up with a NOP.
	 */
	bool relocated;
};

struct alt {
	uint16_t feature;
	bool inverted;		/* chosen without the feature */
	bool direct_call;	/* becomes the call of what the site calls through memory */
	uint8_t len, replacement_len;
};

/* The form with entries of that size; NULL: it is not known. */
const struct alt_shape *alt_shape(size_t size);
/*
 * The size of the entries of a table of `len` bytes, in which `places` of them, or
 * of their halves, are relocated: by the section's own word, or by division.
 */
size_t alt_size(size_t entsize, size_t len, size_t places);
/* Behind its two distances. */
void alt_read(const struct alt_shape *shape, const uint8_t *entry, struct alt *alt);

/* How a kernel makes long NOPs of short ones. */
enum nop_form {
	NOPS_OF_90,		/* runs of the one-byte NOP, by NOPs of up to 8 bytes */
	NOPS_TO_11,		/* NOP and NOPL, up to 11 bytes; what is longer is jumped over */
	NOPS_WIDE,		/* as above; MOV, LEA and JMP that do nothing are NOPs too */
	NR_NOP_FORMS,
};

/* n bytes of NOPs (add_nops(), add_nop()). */
void nops_fill(enum nop_form form, uint8_t *p, size_t n);
/* optimize_nops() on n bytes of code. */
void nops_optimize(enum nop_form form, uint8_t *p, size_t n);

/*
 * A JMP that leads `distance` bytes from its own first byte, in the 5 bytes at p: a
 * short one where the kernel makes it that; false, and p is as it was, if not.
 */
bool jump_shorten(const struct alt_shape *shape, uint8_t *p, int64_t distance);

/* How a kernel fills up CALL or JMP *%reg (emit_indirect()). */
enum indirect_form {
	INDIRECT_NOPS,		/* a JMP by INT3, and then by NOPs as a CALL */
	INDIRECT_PREFIXES,	/* a CALL by CS prefixes before it, a JMP by INT3 */
	NR_INDIRECT_FORMS,
};

/*
 * patch_retpoline() without a thunk: what a CALL, JMP or Jcc of `len` bytes to a
 * thunk becomes, with NOPs that are not yet optimized; false: it does not fit.
 */
bool retpoline_inline(enum indirect_form form, const uint8_t *insn, size_t len, bool lfence,
		      unsigned int reg, uint8_t *out);

/* What a sealed ENDBR64 may have become (gen_endbr_poison()). */
#define NR_ENDBR_POISONS	2
extern const uint8_t endbr_poisons[NR_ENDBR_POISONS][4];

/* Of a module's sections: no part of its memory, though its flags say so. */
bool section_is_dropped(const char *name);
/*
 * Can't be written once its init has run (module_mark_ro_after_init()). Of one of them
 * the kernel says whether it is among them (kernel.h).
 */
bool section_is_ro_after_init(const char *name);
bool section_is_static_calls(const char *name);
/*
 * Read by the loader alone, and by nothing behind it: sites that it patches. What
 * becomes of them is looked at there.
 */
bool section_is_of_loader(const char *name);
/* Put in order as the module loads, by addresses that are not known before. */
bool section_is_sorted(const char *name);

#endif
