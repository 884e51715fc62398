// SPDX-License-Identifier: GPL-2.0-only
/* smc sites: every place in a function that the kernel patches, and what stands there. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "cmd.h"
#include "symbols.h"
#include "vbhctl.h"

#define MAX_NAMESAKES	8

/* Static functions may have the same name: the first is taken, and that is said. */
static bool find_named(const char *name, struct symbol_info *s)
{
	struct symbol_info all[MAX_NAMESAKES];
	size_t used = 0, n = symbols_named(name, all, MAX_NAMESAKES);
	char others[512] = "";

	if (!n)
		return false;
	*s = all[0];
	for (size_t i = 1; i < n && i < MAX_NAMESAKES && used < sizeof(others); i++)
		used += (size_t)snprintf(others + used, sizeof(others) - used,
					 " 0x%" PRIx64 "%s%s%s", all[i].addr,
					 *all[i].module ? " [" : "", all[i].module,
					 *all[i].module ? "]" : "");
	if (n > 1)
		complain(0, "%s: %zu symbols have this name: this is the one at 0x%" PRIx64 "; the others are named by their addresses:%s%s",
			 name, n, s->addr, others, n > MAX_NAMESAKES ? " ..." : "");
	return true;
}

/* "0x...": a function by where it begins, or one instruction of it. */
static int range_at(const char *text, uint64_t *from, uint64_t *to)
{
	struct symbol_info s;
	char *end;
	uint64_t addr = strtoull(text, &end, 16);

	if (*end || !symbol_info_at(addr, &s))
		return complain(EXIT_FAILED, "%s: no function is there", text);
	*from = addr;
	*to = addr == s.addr ? s.end : addr + 1;
	return EXIT_OK;
}

int smc_range(const char *text, uint64_t *from, uint64_t *to)
{
	char name[256];
	const char *plus = strchr(text, '+');
	size_t len = plus ? (size_t)(plus - text) : strlen(text);
	struct symbol_info s;
	uint64_t offset = 0;
	char *end;

	if (!strncmp(text, "0x", 2))
		return range_at(text, from, to);
	if (len >= sizeof(name))
		return complain(EXIT_FAILED, "%s: no such symbol", text);
	memcpy(name, text, len);
	name[len] = '\0';
	if (plus) {
		offset = strtoull(plus + 1, &end, 0);
		if (end == plus + 1 || *end)
			return usage("%s: '%s' is no offset", text, plus + 1);
	}
	if (!find_named(name, &s))
		return complain(EXIT_FAILED, "%s: no such symbol in /proc/kallsyms", name);
	if (offset >= s.end - s.addr)
		return complain(EXIT_FAILED, "%s: %s has %#" PRIx64 " bytes only", text, name,
				s.end - s.addr);
	*from = s.addr + offset;
	*to = plus ? *from + 1 : s.end;
	return EXIT_OK;
}

struct row {
	uint8_t bytes[16];
	char where[256], key[256], state[512], now[3 * 16 + 4];
	bool read;
};

static void fill(struct smc_text *t, const struct smc_site *s, struct row *r)
{
	size_t n = s->len < sizeof(r->bytes) ? s->len : sizeof(r->bytes);

	symbol_at(s->addr, r->where, sizeof(r->where));
	smc_site_key(t, s, r->key, sizeof(r->key));
	r->read = smc_read(t->system, s->addr, r->bytes, n);
	r->now[0] = '\0';
	snprintf(r->state, sizeof(r->state), "can't be read");
	if (!r->read)
		return;
	for (size_t i = 0; i < n; i++)
		snprintf(r->now + 2 * i, 3, "%02x", r->bytes[i]);
	if (!smc_site_state(t, s, r->bytes, r->state, sizeof(r->state)))
		smc_disassemble(s->addr, r->bytes, n, r->state, sizeof(r->state));
}

static json_t *json_site(const struct smc_site *s, const char *kind, const struct row *r)
{
	return json_pack("{s:o, s:o, s:s, s:i, s:o, s:o, s:s}", "address", json_hex(s->addr),
			 "symbol", json_text(r->where), "kind", kind, "length", s->len, "key",
			 json_text(r->key), "state", json_text(r->state), "bytes", r->now);
}

static int print(struct smc_text *t, const struct smc_site *s, size_t n, uint64_t from)
{
	json_t *list = opt_json ? json_array() : NULL;
	struct row r;

	if (!opt_json)
		printf("%s%-16s %-8s %-12s %3s  %-28s %s%s\n", colour(COLOUR_BOLD), "ADDRESS",
		       "OFFSET", "KIND", "LEN", "KEY", "STATE", colour(COLOUR_NONE));
	for (; n; n--, s++) {
		const char *kind = smc_kind_name((enum smc_kind)s->kind);

		fill(t, s, &r);
		if (list)
			json_array_append_new(list, json_site(s, kind, &r));
		else
			printf("%016" PRIx64 " +%#-7" PRIx64 " %-12s %3u  %-28s %s\n", s->addr,
			       s->addr - from, kind, s->len, *r.key ? r.key : "-", r.state);
	}
	return list ? print_json(list) : EXIT_OK;
}

int smc_cmd_sites(int argc, char **argv)
{
	struct smc_options opt;
	struct smc_system s;
	struct smc_text t = { .all = true };
	const struct smc_site *first;
	uint64_t from = 0, to = 0;
	size_t n;
	int code = smc_options(argc, argv, "RKM", &opt);

	if (code)
		return code;
	if (argc - optind != 1)
		return usage("smc sites takes one SYMBOL or SYMBOL+OFFSET");
	code = smc_load(&opt, &s, &t);
	if (!code)
		code = smc_range(argv[optind], &from, &to);
	if (!code) {
		first = smc_sites_in(&t, from, to - from, &n);
		if (!n && !opt_json)
			complain(0, "nothing in %s is patched", argv[optind]);
		if (n || opt_json)
			code = print(&t, first, n, from);
	}
	smc_text_free(&t);
	smc_system_close(&s);
	return code;
}
