// SPDX-License-Identifier: GPL-2.0-only
/*
 * What vbh.ko finds in a kernel by name, and what depends on it. A row of symbols
 * belongs to a capability; alternatives, by which kernels differ, stand in one
 * string. Names in /proc/kallsyms are everybody's to read; addresses are not needed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "check.h"

enum capability {
	FACTS, TEXT, STATIC_KEYS, STATIC_CALLS, FTRACE, KPROBES, LISTED, REFUSED, ASKS, FTRACE_OFF,
	LEFTOVERS, THUNKS, SIBLINGS, CRASH, NR_CAPABILITIES,
};

#define NO_TEXT	"a policy that protects the kernel's text does not start"

static const struct {
	const char *name;
	enum check_result without;
	const char *follows;
} capabilities[NR_CAPABILITIES] = {
	[FACTS] = { "kernel-facts", CHECK_FAIL, "VBH does not start" },
	[TEXT] = { "kernel-text", CHECK_FAIL, NO_TEXT },
	[STATIC_KEYS] = { "static-keys", CHECK_FAIL, NO_TEXT },
	[STATIC_CALLS] = { "static-calls", CHECK_FAIL, NO_TEXT },
	[FTRACE] = { "ftrace", CHECK_FAIL, NO_TEXT },
	[KPROBES] = { "kprobes", CHECK_FAIL, NO_TEXT },
	[LISTED] = { "listed-modules", CHECK_WARN,
		     "a policy with modules = \"listed\" does not start" },
	[REFUSED] = { "refused-patches", CHECK_WARN,
		      "a patch that policy refuses ends its task, and all patching" },
	[ASKS] = { "refused-early", CHECK_WARN,
		   "what policy denies there is not refused but left out" },
	[FTRACE_OFF] = { "ftrace-off", CHECK_WARN,
			 "ftrace stays off after a policy that denies it" },
	[LEFTOVERS] = { "left-out", CHECK_WARN,
			"what policy had left out of the kernel's code stays so when VBH stops" },
	[THUNKS] = { "thunks", CHECK_WARN,
		     "pages of thunks, on a processor with the bug ITS, are not protected" },
	[SIBLINGS] = { "siblings", CHECK_WARN,
		       "VBH does not start where nosmt keeps CPUs offline" },
	[CRASH] = { "crash", CHECK_WARN,
		    "a crash kernel, or a reset in an emergency, finds the CPUs in guest mode" },
};

static const struct {
	enum capability of;
	const char *names;	/* any of them */
} symbols[] = {
	{ FACTS, "kallsyms_lookup_name" },
	{ FACTS, "register_kprobe" },
	{ FACTS, "_stext" },
	{ FACTS, "_etext" },
	{ FACTS, "__start_rodata" },
	{ FACTS, "__end_rodata" },
	{ FACTS, "idt_table" },
	{ FACTS, "vdso_image_64|vdso64_image" },
	{ FACTS, "real_mode_header" },
	{ FACTS, "init_mm" },
	{ FACTS, "poking_mm|text_poke_mm" },
	{ FACTS, "modules" },
	{ FACTS, "module_mutex" },
	{ TEXT, "text_mutex" },
	{ TEXT, "kallsyms_lookup_size_offset" },
	{ TEXT, "__entry_text_start" },
	{ TEXT, "__entry_text_end" },
	{ TEXT, "__noinstr_text_start" },
	{ TEXT, "__noinstr_text_end" },
	{ STATIC_KEYS, "__start___jump_table" },
	{ STATIC_KEYS, "__stop___jump_table" },
	{ STATIC_CALLS, "__start_static_call_sites" },
	{ STATIC_CALLS, "__stop_static_call_sites" },
	{ STATIC_CALLS, "__static_call_text_start" },
	{ STATIC_CALLS, "__static_call_text_end" },
	{ STATIC_CALLS, "__static_call_return0" },
	{ FTRACE, "__fentry__" },
	{ FTRACE, "ftrace_lock" },
	{ FTRACE, "ftrace_rec_iter_start" },
	{ FTRACE, "ftrace_rec_iter_next" },
	{ FTRACE, "ftrace_rec_iter_record" },
	{ FTRACE, "ftrace_caller" },
	{ FTRACE, "ftrace_caller_end" },
	{ FTRACE, "ftrace_caller_op_ptr" },
	{ FTRACE, "ftrace_call" },
	{ FTRACE, "ftrace_regs_caller" },
	{ FTRACE, "ftrace_regs_caller_end" },
	{ FTRACE, "ftrace_regs_caller_op_ptr" },
	{ FTRACE, "ftrace_regs_call" },
	{ FTRACE, "ftrace_regs_caller_jmp" },
	{ KPROBES, "kprobe_mutex" },
	{ KPROBES, "kprobe_table" },
	{ LISTED, "__start___ksymtab" },
	{ LISTED, "__stop___ksymtab" },
	{ LISTED, "__start___ksymtab_gpl|__start___kflagstab" },
	{ LISTED, "__stop___ksymtab_gpl|__stop___kflagstab" },
	{ LISTED, "ftrace_release_mod" },
	{ LISTED, "ftrace_free_mem" },
	{ LISTED, "pv_ops" },
	{ LISTED, "paravirt_BUG|BUG_func" },
	{ REFUSED, "memcmp" },
	{ REFUSED, "__text_poke" },
	{ REFUSED, "kallsyms_lookup_size_offset" },
	{ REFUSED, "__start___bug_table" },
	{ REFUSED, "__stop___bug_table" },
	{ ASKS, "ftrace_location" },
	{ ASKS, "register_kprobe" },
	{ ASKS, "enable_kprobe" },
	{ ASKS, "bpf_trampoline_link_prog" },
	{ ASKS, "bpf_trampoline_link_cgroup_shim" },
	{ ASKS, "arch_jump_label_transform_queue" },
	{ FTRACE_OFF, "ftrace_disabled" },
	{ FTRACE_OFF, "global_ops" },
	{ FTRACE_OFF, "ftrace_graph_active" },
	{ FTRACE_OFF, "ftrace_trace_arrays" },
	{ FTRACE_OFF, "ftrace_stub" },
	{ FTRACE_OFF, "ftrace_release_mod" },
	{ LEFTOVERS, "jump_label_lock" },
	{ LEFTOVERS, "jump_label_unlock" },
	{ LEFTOVERS, "arch_jump_label_transform_queue" },
	{ LEFTOVERS, "arch_jump_label_transform_apply" },
	{ LEFTOVERS, "static_call_mutex" },
	{ THUNKS, "copy_from_kernel_nofault" },
	{ SIBLINGS, "cpu_smt_control" },
	{ CRASH, "cpu_emergency_register_virt_callback" },
};

#define NR_SYMBOLS	(sizeof(symbols) / sizeof(symbols[0]))

/* Is name, of len characters, one of those? */
static bool is_one(const char *names, const char *name, size_t len)
{
	size_t n;

	for (; *names; names += n + (names[n] == '|')) {
		n = strcspn(names, "|");
		if (n == len && !memcmp(names, name, n))
			return true;
	}
	return false;
}

/* Lines "address type name", and "\t[module]" behind those of modules. */
static int find_symbols(const struct check_machine *m, bool found[NR_SYMBOLS])
{
	FILE *f = fopen(check_path(m, "/proc/kallsyms"), "re");
	bool first[256] = { false };
	char *line = NULL;
	size_t room = 0;
	int any = 0;

	if (!f)
		return -errno;
	for (size_t i = 0; i < NR_SYMBOLS; i++)
		for (const char *p = symbols[i].names; p; p = strchr(p, '|'), p += !!p)
			first[(unsigned char)*p] = true;
	while (getline(&line, &room, f) > 0) {
		const char *name = strchr(line, ' ');
		size_t len;

		name = name ? strchr(name + 1, ' ') : NULL;
		if (!name || !first[(unsigned char)*++name])
			continue;
		any = 1;
		len = strcspn(name, "\t\n");
		for (size_t i = 0; name[len] != '\t' && i < NR_SYMBOLS; i++)
			if (is_one(symbols[i].names, name, len))
				found[i] = true;
	}
	free(line);
	fclose(f);
	return any;
}

/* What it lacks; *nr: how many symbols it has. */
static const char *missing(const bool found[NR_SYMBOLS], enum capability c, unsigned int *nr)
{
	static char list[192];
	size_t len = 0;

	*nr = 0;
	list[0] = '\0';
	for (size_t i = 0; i < NR_SYMBOLS; i++) {
		if (symbols[i].of != c)
			continue;
		++*nr;
		if (!found[i] && len < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
						len ? ", " : "", symbols[i].names);
	}
	for (char *p = list; (p = strchr(p, '|')); )
		*p = '/';
	return list;
}

void check_capabilities(struct check_machine *m)
{
	bool found[NR_SYMBOLS] = { false };
	int err = find_symbols(m, found);

	for (enum capability c = 0; c < NR_CAPABILITIES; c++) {
		unsigned int nr;
		const char *lacks = missing(found, c, &nr);

		if (err <= 0)
			check_add(m, CHECK_KERNEL, capabilities[c].name, CHECK_UNKNOWN, "",
				  "/proc/kallsyms: %s", err ? strerror(-err) : "has no symbols");
		else if (*lacks)
			check_add(m, CHECK_KERNEL, capabilities[c].name, capabilities[c].without,
				  capabilities[c].follows, "the kernel has no symbol %s", lacks);
		else
			check_add(m, CHECK_KERNEL, capabilities[c].name, CHECK_PASS, "",
				  nr == 1 ? "its symbol is there" : "its %u symbols are there", nr);
	}
}
