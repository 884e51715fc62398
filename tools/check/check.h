/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vbhctl check: what its parts share. A machine is where facts are read from:
 * this one, or a copy of another one's files (--root). Each part adds its lines:
 * a name, what was found, and what follows from it. What can't be read is said to
 * be unknown, never guessed. Nothing is changed or loaded.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <libvbh.h>

/* From the best to the worst. */
enum check_result {
	CHECK_PASS,
	CHECK_WARN,		/* VBH can start, and goes without something */
	CHECK_UNKNOWN,		/* not readable, so not known; shown as WARN */
	CHECK_FAIL,		/* VBH can't start */
};

enum check_group {
	CHECK_STATE,
	CHECK_PROCESSOR,
	CHECK_KERNEL,
	CHECK_HOLDER,
	CHECK_DRIVER,
	CHECK_MEMORY,
};

struct check_line {
	enum check_group group;
	enum check_result result;
	const char *name;
	char found[256];
	char follows[256];	/* or "" */
};

enum check_vendor { CHECK_NO_VENDOR, CHECK_VMX, CHECK_SVM };

/* MSRs: why one could not be read. */
enum check_msr {
	CHECK_MSR_READ,
	CHECK_MSR_DENIED,	/* it takes root */
	CHECK_MSR_NO_DEVICE,	/* it takes the module msr */
	CHECK_MSR_NONE,		/* the processor has no such MSR */
};

struct check_machine {
	const char *root;	/* "" for this machine */
	const char *driver;	/* the file that is to be loaded, or NULL: modprobe's */
	char release[128];	/* of the kernel */
	/* Texts, or NULL where they can't be read. */
	char *cpuinfo;		/* of its first processor */
	char *cmdline, *config, *modules, *cpuid, *msrs;
	const char *config_path;
	enum check_vendor vendor;
	/* state.c */
	uint32_t leaf;		/* CPUID leaf of a VBH, or 0 */
	uint32_t abi, features, body, max_regions;	/* what it says there */
	bool running;
	bool informed;		/* info is the driver's answer */
	struct vbh_info info;
	/* driver.c: what is read from vbh.ko */
	uint32_t cpu_size, pool_pages, pool_per_gib;
	uint64_t image_size;	/* 0: not known */

	struct check_line lines[64];
	size_t nr_lines;
};

/* Adds a line. follows: "" if nothing does. */
__attribute__((format(printf, 6, 7)))
void check_add(struct check_machine *m, enum check_group group, const char *name,
	       enum check_result result, const char *follows, const char *found, ...);
/* Adds the line of something that only root, or /dev/cpu/N/msr, can read. */
void check_add_unknown(struct check_machine *m, enum check_group group, const char *name,
		       enum check_msr why);

/* source.c: files. */
void check_open(struct check_machine *m, const char *root);
void check_close(struct check_machine *m);
/* A path below the root; valid until the next call. */
__attribute__((format(printf, 2, 3)))
const char *check_path(const struct check_machine *m, const char *fmt, ...);
bool check_exists(const struct check_machine *m, const char *path);
/* All of a text file, unpacked if it is gzip's; NULL with errno. Free it. */
char *check_text(const struct check_machine *m, const char *path);
/* The first line of a small one into buf, without its end; false: with errno. */
bool check_line_of(const struct check_machine *m, const char *path, char *buf, size_t len);
/* Up to len bytes of a file; how many, or -1 with errno. */
ssize_t check_bytes(const struct check_machine *m, const char *path, void *buf, size_t len);
/* Is word one of those in text, between blanks? */
bool check_word(const char *text, const char *word);
/* Does the kernel's command line have name=value, value also as one of a list? */
bool check_option(const struct check_machine *m, const char *name, const char *value);
/* Has the line of /proc/cpuinfo that begins with key that word? False also if there is none. */
bool check_flag(const struct check_machine *m, const char *key, const char *word);
/* Is there such a line? */
bool check_flags_known(const struct check_machine *m, const char *key);
/* 'y', 'm', or 'n' also for what is not there; 0: no configuration can be read. */
char check_config(const struct check_machine *m, const char *option);
/* How many CPUs a list like "0-3,8" names, and the highest of them. */
unsigned int check_cpus(const struct check_machine *m, const char *path, unsigned int *last);

/* cpuid.c: the processor's own answers. EAX 0, EBX 1, ECX 2, EDX 3. */
bool check_cpuid(const struct check_machine *m, uint32_t leaf, uint32_t sub, uint32_t r[4]);
bool check_cpuid_bit(const struct check_machine *m, uint32_t leaf, uint32_t sub, int reg, int bit);
enum check_msr check_msr(const struct check_machine *m, unsigned int cpu, uint32_t msr,
			 uint64_t *value);

/* What goes without rights that a second stage can't express. */
#define CHECK_NO_SPLIT	"no region can take execution from the kernel alone, or from programs alone"
#define CHECK_NO_ONLY	"no region can be executed and not be read"

/* The parts, in this order. */
void check_state(struct check_machine *m);
void check_processor(struct check_machine *m);
void check_vmx(struct check_machine *m);
void check_svm(struct check_machine *m);
void check_holder(struct check_machine *m);
void check_kernel(struct check_machine *m);
void check_capabilities(struct check_machine *m);
void check_driver(struct check_machine *m);
void check_memory(struct check_machine *m);

/* driver.c's: who signed a module, from what is appended to it. */
struct check_signer {
	char name[128];		/* common name of the issuer, or "" */
	char key_id[64];	/* of the key, in hexadecimal, or "" */
	const uint8_t *issuer, *serial;	/* as they stand in a certificate, or NULL */
	size_t issuer_len, serial_len;
};

/* signature.c: false: it is not signed. */
bool check_signature(const uint8_t *data, size_t len, struct check_signer *s);
/* The line; data: the driver's file, unpacked, or NULL. */
void check_signing(struct check_machine *m, const uint8_t *data, size_t len);

#endif
