/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vbhctl smc: what its parts share. A system is where a kernel is read from: the
 * running one, or a copy of its files (--root). An object is the kernel or one
 * of its modules, as it is on disk and brought to where it was loaded. A site is
 * a place in an object's text that the kernel's own tables say is patched.
 *
 * Functions return 0 or a negative errno; the words go into a struct smc_error.
 */
#ifndef SMC_H
#define SMC_H

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "elf/unpack.h"

/* What a change of text is, from the tables that explain it. */
enum smc_kind {
	SMC_UNKNOWN,
	SMC_STATIC_KEY,
	SMC_STATIC_CALL,
	SMC_FTRACE,
	SMC_KPROBE,
	SMC_BPF,		/* a BPF dispatcher or trampoline */
	SMC_ALTERNATIVE,	/* this and those below only at boot, or as a module loads */
	SMC_PARAVIRT,
	SMC_RETPOLINE,
	SMC_RETURN,
	SMC_SMP_LOCK,
	SMC_MODULE,
	SMC_RELOCATION,
	SMC_NR_KINDS,
};

/* "static-key", ...; NULL: no such kind. */
const char *smc_kind_name(enum smc_kind kind);
/* The kind of a name; SMC_NR_KINDS: there is none. */
enum smc_kind smc_kind_named(const char *name);

struct smc_error {
	char text[512];
};

/* Puts words into e, once, and returns err. */
__attribute__((format(printf, 3, 4)))
int smc_fail(struct smc_error *e, int err, const char *fmt, ...);

#define SMC_BUILD_ID_MAX	32

struct smc_segment {
	uint64_t addr, len, offset, physical;
};

struct smc_module {
	char name[64];
	char build_id[2 * SMC_BUILD_ID_MAX + 1];
	uint64_t base, size;
	bool live;
};

struct smc_system {
	const char *root;	/* "" for this machine */
	char release[128];
	char build_id[2 * SMC_BUILD_ID_MAX + 1];
	uint64_t text, etext;	/* linear addresses of _text and _etext */
	uint64_t physical;	/* of _text; 0: not known */
	int kcore;
	struct smc_segment *segments;
	size_t nr_segments;
	struct smc_module *modules;
	size_t nr_modules;
	struct smc_page *cache;
};

/* Opens it, and says what is missing. root "": this machine. */
int smc_system_open(struct smc_system *s, const char *root, struct smc_error *e);
void smc_system_close(struct smc_system *s);
/* Reads the list of modules again. */
int smc_system_modules(struct smc_system *s, struct smc_error *e);
/* Kernel memory, all of it or false. smc_peek() may give what it read before. */
bool smc_read(struct smc_system *s, uint64_t addr, void *buf, size_t len);
bool smc_peek(struct smc_system *s, uint64_t addr, void *buf, size_t len);
void smc_forget(struct smc_system *s);
/* root/path, in a buffer that the next call takes. */
const char *smc_path(const struct smc_system *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The build id among ELF notes, as hexadecimal digits; false: there is none. */
bool smc_build_id(const uint8_t *notes, size_t len, char *id);

struct smc_section {
	const char *name;
	uint64_t addr;		/* linear, where it is loaded */
	uint64_t size;
	uint8_t *data;		/* what is expected there; NULL: zeroes */
	uint64_t flags;		/* SHF_* */
	uint64_t entsize;
	uint32_t index;
	bool loaded;		/* the kernel says where it is */
};

struct smc_object {
	char name[64];		/* "vmlinux", or the module's */
	char path[512];
	struct blob file;
	Elf *elf;
	struct smc_section *sections;
	size_t nr_sections;
	bool module;
	uint64_t base;		/* of a module */
};

/* The kernel from FILE, bzImage or vmlinux, where it runs. */
int smc_kernel_load(struct smc_system *s, const char *path, struct smc_object *o,
		    struct smc_error *e);
/* One module from its file under dir. */
int smc_module_load(struct smc_system *s, const struct smc_module *m, const char *path,
		    struct smc_object *o, struct smc_error *e);
void smc_object_free(struct smc_object *o);
const struct smc_section *smc_section(const struct smc_object *o, const char *name);
/* The section that has all of these bytes, and where they are expected; or NULL. */
const struct smc_section *smc_section_at(const struct smc_object *o, uint64_t addr, size_t len);
uint8_t *smc_expected(const struct smc_object *o, uint64_t addr, size_t len);
/* A section of the object's whose name or linker symbols are these: its range. */
bool smc_table(const struct smc_object *o, const char *section, const char *start,
	       const char *stop, uint64_t *from, uint64_t *to);

/* Where the modules' files are; of each folder in the order of their paths. */
struct smc_files {
	struct smc_file {
		char *name, *path;	/* the module's, and its file's */
	} *file;
	size_t n, max;
};

int smc_files_find(const char *dir, struct smc_files *f, struct smc_error *e);
/*
 * The next file of a module, the likeliest first: *at is the number of files at
 * first, and NULL is behind the last.
 */
const char *smc_files_next(const struct smc_files *f, const char *module, size_t *at);
void smc_files_free(struct smc_files *f);

struct alt_shape;

/* What the processor and the boot chose, as patching at boot depends on it. */
#define SMC_CAPS	32

struct smc_cpu {
	uint32_t caps[SMC_CAPS];
	unsigned int nr_caps;
	uint64_t return_thunk;
	uint64_t its_return_thunk;
	uint64_t thunks;	/* __x86_indirect_thunk_array */
	const char *unknown;	/* why features are not: what stands is then taken, if it may */
	bool call_depth;	/* call depth tracking rewrites calls: that is not followed */
	bool uniprocessor;	/* LOCK prefixes were taken out */
};

/* .altinstructions, and the form of its entries; NULL: there is none, or it is not known. */
const struct alt_shape *smc_alt_table(const struct smc_object *o, uint64_t *from, uint64_t *to);
int smc_cpu_read(struct smc_system *s, const struct smc_object *kernel, struct smc_cpu *cpu,
		 struct smc_error *e);
/* cpu_wants_rethunk() and cpu_wants_rethunk_at(). */
bool smc_cpu_has_return_thunk(const struct smc_cpu *cpu);
bool smc_cpu_wants_return_thunk(const struct smc_cpu *cpu, uint64_t addr);
/* What the kernel does to an object's text once, as it boots or loads the module. */
void smc_apply_boot(struct smc_system *s, const struct smc_cpu *cpu, struct smc_object *o);

struct smc_site {
	uint64_t addr;
	uint64_t key;		/* static key or call; 0: none */
	uint64_t target;	/* of a jump label */
	uint8_t kind;		/* enum smc_kind */
	uint8_t len;
	uint8_t flags;
	uint16_t feature;	/* of an alternative */
	uint16_t object;	/* of smc_text.objects */
};

#define SMC_SITE_BRANCH	(1u << 0)	/* a jump label of a likely branch */
#define SMC_SITE_TAIL	(1u << 1)	/* a static call that is a jump */
#define SMC_SITE_TRAMP	(1u << 2)	/* a static call's trampoline */
#define SMC_SITE_CALLER	(1u << 3)	/* ftrace's own call, in its caller */
/* A static call that may have become NULL before the boot chose its return thunk. */
#define SMC_SITE_EARLY	(1u << 4)
#define SMC_SITE_WITHOUT (1u << 5)	/* an alternative for who lacks the feature */

struct smc_kprobe {
	uint64_t addr;
	bool on_ftrace, optimized, disabled;
};

/* All text that is known, with all sites in it, sorted by address. */
struct smc_text {
	struct smc_system *system;
	struct smc_cpu cpu;
	struct smc_object *objects;	/* the kernel first */
	size_t nr_objects;
	struct smc_site *sites;
	size_t nr_sites, max_sites;
	struct smc_kprobe *kprobes;
	size_t nr_kprobes;
	char (*missing)[256];	/* modules that are not known by a file, and why */
	size_t nr_missing;
	bool all;		/* sites of the boot too; set before loading */
	struct smc_files files;	/* of modules */
};

/*
 * The kernel and each of its modules, and their sites. vmlinux and modules (a
 * list of directories that ends with NULL) NULL: where Debian has them. A module
 * that has no file is in `missing`. t is zero, but for `all`.
 */
int smc_text_load(struct smc_system *s, const char *vmlinux, const char *const *modules,
		  struct smc_text *t, struct smc_error *e);
/* Modules and symbols once more, for some have come or gone. */
int smc_text_refresh(struct smc_text *t, struct smc_error *e);
void smc_text_free(struct smc_text *t);
int smc_site_add(struct smc_text *t, const struct smc_site *site);
/* Sites that touch [addr, addr + len), *n of them. */
const struct smc_site *smc_sites_in(const struct smc_text *t, uint64_t addr, uint64_t len,
				    size_t *n);
/* The one that the kernel patches as it runs, or NULL. */
const struct smc_site *smc_site_at(const struct smc_text *t, uint64_t addr);
int smc_sites_collect(struct smc_text *t, size_t object, struct smc_error *e);
void smc_sites_sort(struct smc_text *t);
void smc_kprobes_read(struct smc_text *t);
const struct smc_kprobe *smc_kprobe_at(const struct smc_text *t, uint64_t addr);

/*
 * What stands at a site when its bytes are these, in words: "nop", "jump to
 * foo+0x12", "call bar". false: nothing that may stand there.
 */
bool smc_site_state(struct smc_text *t, const struct smc_site *site, const uint8_t *bytes,
		    char *words, size_t len);
/* What should stand there now, by its key; false: this site has no key to tell. */
bool smc_site_due(struct smc_text *t, const struct smc_site *site, uint8_t *bytes);
/* The name of its key, or of the function behind it; "" if it has none. */
void smc_site_key(struct smc_text *t, const struct smc_site *site, char *buf, size_t len);
/* Whom an ftrace site calls through this target: "function_trace_call", ... */
void smc_tracer(struct smc_system *s, uint64_t target, char *buf, size_t len);

/* Instructions in words, "nopl 0x0(%rax,%rax,1)"; several separated by "; ". */
void smc_disassemble(uint64_t addr, const uint8_t *bytes, size_t n, char *buf, size_t len);
/* The length of the instruction at the beginning of n bytes; 0: not known. */
size_t smc_instruction_len(const uint8_t *bytes, size_t n);
/*
 * Of the n bytes of a function at func, the instructions that [from, to) touches,
 * as offsets from func: false, and both as they were, if it can't be followed.
 */
bool smc_instructions(uint64_t func, const uint8_t *bytes, size_t n, size_t *from, size_t *to);

int smc_rel32(uint64_t addr, uint64_t target, size_t len, uint8_t *rel);
uint64_t smc_rel32_target(uint64_t addr, const uint8_t *bytes, size_t len);

int smc_cmd_diff(int argc, char **argv);
int smc_cmd_sites(int argc, char **argv);
int smc_cmd_record(int argc, char **argv);
int smc_cmd_report(int argc, char **argv);
int smc_cmd_watch(int argc, char **argv);

#endif
