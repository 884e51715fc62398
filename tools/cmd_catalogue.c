// SPDX-License-Identifier: GPL-2.0-only
/* catalogue: the modules that may be loaded after the seal, made and shown. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "printable.h"
#include "vbhctl.h"

#define MODULES_DIR	"/lib/modules/"	/* and the release */

/* Which catalogue: where it is, of what. */
struct which {
	char file[512], dir[512], release[64];
	unsigned int left_out;	/* modules, of one that is just made */
};

static bool set(char *to, size_t len, const char *a, const char *b)
{
	return (size_t)snprintf(to, len, "%s%s", a, b) < len;
}

/* NULL: the usual one, of the running kernel. */
static int find_which(struct which *w, const char *file, const char *dir, const char *release)
{
	struct utsname u;

	if (uname(&u))
		return complain(EXIT_FAILED, "uname: %s", strerror(errno));
	if (!release)
		release = u.release;
	if (!*release || strchr(release, '/') ||
	    !set(w->release, sizeof(w->release), release, ""))
		return usage("'%s' is no release of a kernel", release);
	if (!set(w->dir, sizeof(w->dir), dir ? dir : MODULES_DIR, dir ? "" : release) ||
	    !set(w->file, sizeof(w->file), file ? file : CATALOGUE_FILE, file ? "" : release))
		return usage("the name of a file is too long");
	return EXIT_OK;
}

/* On a terminal only, and not for each of thousands. */
static void show_progress(void *data, size_t done, size_t total)
{
	const struct which *w = data;

	if (isatty(STDERR_FILENO) && (done == total || !(done % 16)))
		fprintf(stderr, "\rcatalogue of %s: %zu of %zu modules%s", w->release, done, total,
			done == total ? "\n" : "");
}

static void say_left_out(void *data, const char *why)
{
	struct which *w = data;

	complain(0, "left out: %s", why);
	w->left_out++;
}

/* The folder of the usual place is made; any other is the user's. */
static void make_folder(const char *file)
{
	if (!strncmp(file, CATALOGUE_FILE, strlen(CATALOGUE_FILE)))
		mkdir("/var/lib/vbh", 0755);
}

static int make(struct which *w)
{
	char text[VBH_ERROR_MAX] = "";

	make_folder(w->file);
	w->left_out = 0;
	if (vbh_catalogue_make_most(w->file, w->dir, w->release, show_progress, say_left_out, w,
				    text, sizeof(text)))
		return complain(EXIT_FAILED, "%s", text);
	return EXIT_OK;
}

static int open_it(struct vbh_catalogue **catalogue, const struct which *w)
{
	char text[VBH_ERROR_MAX];

	if (vbh_catalogue_open(catalogue, w->file, text, sizeof(text)))
		return complain(EXIT_FAILED, "%s", text);
	return EXIT_OK;
}

/* One that was named is taken as it is, if it is whole. */
int open_catalogue(struct vbh_catalogue **catalogue, const char *path)
{
	char text[VBH_ERROR_MAX];
	struct which w;
	int fresh, code = find_which(&w, path, NULL, NULL);

	if (code || path)
		return code ? code : open_it(catalogue, &w);
	if (!vbh_catalogue_open(catalogue, w.file, text, sizeof(text))) {
		fresh = vbh_catalogue_fresh(*catalogue, w.dir, w.release, text, sizeof(text));
		if (fresh > 0 && *text)
			complain(0, "%s: %s", w.file, text);
		if (fresh > 0)
			return EXIT_OK;
		vbh_catalogue_close(*catalogue);
		*catalogue = NULL;
		if (fresh < 0)
			return complain(EXIT_FAILED, "%s", text);
	} else if (!access(w.file, F_OK)) {
		complain(0, "%s: it is damaged or of another version, and is made again now", w.file);
	}
	code = make(&w);
	return code ? code : open_it(catalogue, &w);
}

static json_t *json_module(const struct vbh_catalogue_info *m)
{
	return json_pack("{s:o, s:o, s:i, s:i, s:i}", "name", json_text(m->name),
			 "digest", json_hex_bytes(m->digest, VBH_HASH_LEN),
			 "text", (int)m->text, "rodata", (int)m->rodata,
			 "description", (int)m->description);
}

static void print_module(const struct vbh_catalogue_info *m)
{
	char name[VBH_MODULE_NAME + 1];

	snprintf(name, sizeof(name), "%s", m->name);
	printf("%-32s %8u %8u  ", printable(name), m->text, m->rodata);
	for (size_t i = 0; i < VBH_HASH_LEN; i++)
		printf("%02x", m->digest[i]);
	putchar('\n');
}

/* Modules have underscores where their files may have hyphens. */
static bool same_name(const char *name, const char *asked)
{
	for (; *name && *asked; name++, asked++)
		if (*name != (*asked == '-' ? '_' : *asked))
			return false;
	return !*name && !*asked;
}

static bool is_asked(const char *name, int n, char **asked)
{
	for (int i = 0; i < n; i++)
		if (same_name(name, asked[i]))
			return true;
	return !n;
}

static int show_modules(const struct vbh_catalogue *c, const char *file, int n, char **asked)
{
	json_t *list = json_array();
	size_t shown = 0;

	for (size_t i = 0; i < vbh_catalogue_modules(c); i++) {
		struct vbh_catalogue_info m;

		vbh_catalogue_module(c, i, &m);
		if (!is_asked(m.name, n, asked))
			continue;
		if (!shown++ && !opt_json)
			printf("%-32s %8s %8s  %s\n", "MODULE", "TEXT", "RODATA", "DIGEST");
		if (opt_json)
			json_array_append_new(list, json_module(&m));
		else
			print_module(&m);
	}
	if (n && !shown) {
		json_decref(list);
		return complain(EXIT_FAILED, "%s: no such module is in it", file);
	}
	if (!opt_json) {
		json_decref(list);
		return EXIT_OK;
	}
	return print_json(json_pack("{s:o, s:o, s:o}", "file", json_text(file), "release",
				    json_text(vbh_catalogue_release(c)), "modules", list));
}

static int show(const struct which *w, int n, char **asked)
{
	struct vbh_catalogue *c;
	int code = open_it(&c, w);

	if (!code) {
		code = show_modules(c, w->file, n, asked);
		vbh_catalogue_close(c);
	}
	return code;
}

static int build(struct which *w)
{
	struct vbh_catalogue *c;
	char modules[32], left_out[64] = "";
	int code = make(w);

	if (!code)
		code = open_it(&c, w);
	if (code)
		return code;
	if (opt_json)
		code = print_json(json_pack("{s:o, s:o, s:i, s:i}", "file", json_text(w->file),
					    "release", json_text(w->release), "modules",
					    (int)vbh_catalogue_modules(c), "left_out",
					    (int)w->left_out));
	if (w->left_out)
		snprintf(left_out, sizeof(left_out), ", %u left out", w->left_out);
	if (!opt_json)
		printf("%s: %s of kernel %s%s\n", w->file,
		       plural(vbh_catalogue_modules(c), "module", modules, sizeof(modules)),
		       w->release, left_out);
	vbh_catalogue_close(c);
	return code;
}

int cmd_catalogue(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "file", 1, NULL, 'f' }, { "modules", 1, NULL, 'm' },
		{ "release", 1, NULL, 'r' }, { "json", 0, NULL, 'j' }, { 0 }
	};
	const char *file = NULL, *dir = NULL, *release = NULL, *verb;
	struct which w;
	int c, code;

	while ((c = next_option(argc, argv, ":jf:m:r:", longopts)) != -1) {
		if (c == '?')
			return EXIT_USAGE;
		*(c == 'f' ? &file : c == 'm' ? &dir : &release) = optarg;
	}
	verb = optind < argc ? argv[optind++] : "";
	if (strcmp(verb, "build") != 0 && strcmp(verb, "show") != 0)
		return *verb ? usage("'%s' is neither build nor show", verb) :
		       usage("build or show is missing");
	code = find_which(&w, file, dir, release);
	if (code)
		return code;
	if (*verb == 's')
		return show(&w, argc - optind, argv + optind);
	if (optind != argc)
		return usage("unexpected argument '%s'", argv[optind]);
	return build(&w);
}
