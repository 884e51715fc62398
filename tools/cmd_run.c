// SPDX-License-Identifier: GPL-2.0-only
/* start, stop, seal, status: the life of VBH. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include "vbhctl.h"

static json_t *json_features(uint32_t features)
{
	json_t *list = json_array();

	for (uint32_t bit = 0; bit < 32; bit++)
		if (features & 1u << bit)
			json_array_append_new(list, json_name(VBH_NAMES_FEATURE, bit));
	return list;
}

static json_t *json_patches(const struct vbh_status *st)
{
	json_t *json = json_object();

	for (uint32_t i = 0; i < VBH_NR_PATCHES; i++)
		json_object_set_new(json, vbh_name(VBH_NAMES_PATCH, i),
				    json_integer((json_int_t)st->patches_of[i]));
	return json;
}

static json_t *json_status(const struct vbh_info *info)
{
	const struct vbh_status *st = &info->status;
	json_t *json = json_pack("{s:b, s:i}", "running", info->running,
				 "cpus_possible", info->cpus_possible);

	if (!info->running)
		return json;
	json_object_set_new(json, "state", json_name(VBH_NAMES_STATE, st->state));
	json_object_set_new(json, "body", json_name(VBH_NAMES_BODY, st->body));
	json_object_set_new(json, "vendor", json_sprintf("%.*s", (int)sizeof(st->vendor),
							 st->vendor));
	json_object_set_new(json, "abi", json_sprintf("%u.%u", st->abi >> 16, st->abi & 0xffff));
	json_object_set_new(json, "cpus", json_integer(st->cpus));
	json_object_set_new(json, "regions", json_integer(st->regions));
	json_object_set_new(json, "pins", json_integer(st->pins));
	json_object_set_new(json, "has_key", json_boolean(st->has_key));
	json_object_set_new(json, "features", json_features(st->features));
	json_object_set_new(json, "memory", json_integer((json_int_t)st->memory));
	json_object_set_new(json, "memory_free", json_integer((json_int_t)st->memory_free));
	json_object_set_new(json, "memory_kept", json_integer((json_int_t)st->memory_kept));
	json_object_set_new(json, "memory_donated", json_integer((json_int_t)st->memory_donated));
	json_object_set_new(json, "max_regions", json_integer(st->max_regions));
	json_object_set_new(json, "events", json_integer((json_int_t)st->events));
	json_object_set_new(json, "events_lost", json_integer((json_int_t)st->events_lost));
	json_object_set_new(json, "violations", json_integer((json_int_t)st->violations));
	json_object_set_new(json, "patches", json_integer((json_int_t)st->patches));
	json_object_set_new(json, "patches_of", json_patches(st));
	json_object_set_new(json, "patch_sites", json_integer(st->sites));
	json_object_set_new(json, "trampolines", json_integer(st->trampolines));
	return json;
}

static void print_state(const struct vbh_status *st)
{
	char buf[16];
	const char *name = name_or_number(VBH_NAMES_STATE, st->state, buf, sizeof(buf));

	printf("State:       %s%s%s", colour(COLOUR_BOLD), name, colour(COLOUR_NONE));
	switch (st->state) {
	case VBH_STATE_OPEN:
		printf(" (not sealed: everything can still be changed)\n");
		break;
	case VBH_STATE_SEALED:
		printf(st->has_key ? " (only its key can stop it)\n" :
		       " (without a key: only a reboot ends it)\n");
		break;
	case VBH_STATE_UNLOCKED:
		printf(" (sealed; its key was shown, it may be stopped)\n");
		break;
	default:
		putchar('\n');
	}
}

/* The stores that were let through, and of which kind they were. */
static void print_patches(const struct vbh_status *st)
{
	const char *before = " (";

	printf("Patching:    %llu stores by the kernel", (unsigned long long)st->patches);
	for (uint32_t i = 0; i < VBH_NR_PATCHES; i++) {
		if (!st->patches_of[i])
			continue;
		printf("%s%llu %s", before, (unsigned long long)st->patches_of[i],
		       vbh_name(VBH_NAMES_PATCH, i));
		before = ", ";
	}
	printf("%s\n", *before == ',' ? ")" : "");
	printf("Patch sites: %u; ", st->sites);
	printf("%u of ftrace's trampolines in use\n", st->trampolines);
}

/* How far it is from its limit, and what moves that. */
static void print_memory(const struct vbh_status *st)
{
	printf("Memory:      %llu KiB, %llu KiB free", (unsigned long long)st->memory >> 10,
	       (unsigned long long)st->memory_free >> 10);
	if (st->memory_kept)
		printf(", %llu KiB of it for what must not fail",
		       (unsigned long long)st->memory_kept >> 10);
	if (st->features & VBH_FEAT_DONATE)
		printf("\n             (grows as it has to: %llu KiB have been donated)\n",
		       (unsigned long long)st->memory_donated >> 10);
	else
		printf("\n             (the host's limit: vbh_limit_kib of its module kvm)\n");
}

static void print_status(const struct vbh_status *st)
{
	char buf[16];

	print_state(st);
	printf("Body:        %s (%.*s)\n",
	       name_or_number(VBH_NAMES_BODY, st->body, buf, sizeof(buf)),
	       (int)sizeof(st->vendor), st->vendor);
	printf("CPUs:        %u\n", st->cpus);
	printf("Regions:     %u of at most %u\n", st->regions, st->max_regions);
	printf("Pins:        %u\n", st->pins);
	printf("Violations:  %s%llu%s\n", st->violations ? colour(COLOUR_RED) : "",
	       (unsigned long long)st->violations, st->violations ? colour(COLOUR_NONE) : "");
	print_patches(st);
	printf("Events:      %llu, %llu lost\n", (unsigned long long)st->events,
	       (unsigned long long)st->events_lost);
	print_memory(st);
	printf("Features:   ");
	for (uint32_t bit = 0; bit < 32; bit++)
		if (st->features & 1u << bit)
			printf(" %s", name_or_number(VBH_NAMES_FEATURE, bit, buf, sizeof(buf)));
	printf("%s\n", st->features ? "" : " none");
}

/* Opens, asks, and refuses when nothing runs. */
static int open_running(struct vbh **vbh, struct vbh_info *info)
{
	int code = open_vbh(vbh);
	int err;

	if (code)
		return code;
	err = vbh_info(*vbh, info);
	if (err)
		return complain_vbh(*vbh, err);
	if (!info->running)
		return complain(EXIT_NOT_RUNNING, "VBH is not running");
	return EXIT_OK;
}

static const struct option only_json[] = { { "json", 0, NULL, 'j' }, { 0 } };

/* For commands without options and arguments. */
static bool takes_nothing(int argc, char **argv)
{
	if (next_option(argc, argv, ":j", only_json) != -1)
		return false;
	if (optind != argc)
		usage("unexpected argument '%s'", argv[optind]);
	return optind == argc;
}

int cmd_status(int argc, char **argv)
{
	struct vbh_info info;
	struct vbh *vbh;
	int err, code;

	if (!takes_nothing(argc, argv))
		return EXIT_USAGE;
	code = open_vbh(&vbh);
	if (code)
		return code;
	err = vbh_info(vbh, &info);
	if (err)
		code = complain_vbh(vbh, err);
	else if (opt_json)
		code = print_json(json_status(&info));
	else if (info.running)
		print_status(&info.status);
	else
		printf("State:       not running\n");
	if (!code && !info.running)
		code = EXIT_NOT_RUNNING;
	vbh_close(vbh);
	return code;
}

static int report_start(struct vbh *vbh)
{
	char regions[32], pins[32], cpus[32];
	struct vbh_info info;
	int err = vbh_info(vbh, &info);

	if (err)
		return complain_vbh(vbh, err);
	if (opt_json)
		return print_json(json_status(&info));
	printf("VBH runs on %s (%.*s): %s, %s. Not sealed yet (vbhctl seal).\n",
	       plural(info.status.cpus, "CPU", cpus, sizeof(cpus)),
	       (int)sizeof(info.status.vendor), info.status.vendor,
	       plural(info.status.regions, "region", regions, sizeof(regions)),
	       plural(info.status.pins, "pin", pins, sizeof(pins)));
	return EXIT_OK;
}

/* The driver is loaded only if it is not there. */
static int open_or_load(struct vbh **vbh, const char *module)
{
	int err = vbh_open(vbh, NULL, 0);
	int code;

	if (err == -ENOENT) {
		code = load_driver(module);
		if (code)
			return code;
	}
	return err ? open_vbh(vbh) : EXIT_OK;
}

int cmd_start(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "policy", 1, NULL, 'p' }, { "module", 1, NULL, 'm' },
		{ "catalogue", 1, NULL, 'c' }, { "json", 0, NULL, 'j' }, { 0 }
	};
	const char *path = POLICY_FILE, *module = NULL, *file = NULL;
	struct vbh_catalogue *catalogue = NULL;
	char text[VBH_ERROR_MAX];
	struct vbh_policy policy;
	struct vbh *vbh;
	int c, err, code;

	while ((c = next_option(argc, argv, ":jp:m:c:", longopts)) != -1) {
		if (c == '?')
			return EXIT_USAGE;
		*(c == 'p' ? &path : c == 'm' ? &module : &file) = optarg;
	}
	if (optind != argc)
		return usage("unexpected argument '%s'", argv[optind]);
	if (vbh_policy_load(path, &policy, text, sizeof(text)))
		return complain(EXIT_POLICY, "%s", text);
	if (policy.patching[VBH_PATCH_MODULES] == VBH_PATCHING_LISTED) {
		code = open_catalogue(&catalogue, file);
		if (code)
			return code;
	} else if (file) {
		return usage("%s has modules = \"%s\": it takes no catalogue", path,
			     vbh_name(VBH_NAMES_PATCHING, policy.patching[VBH_PATCH_MODULES]));
	}
	code = open_or_load(&vbh, module);
	if (code) {
		vbh_catalogue_close(catalogue);
		return code;
	}
	err = catalogue ? vbh_start_listed(vbh, &policy, catalogue) : vbh_start(vbh, &policy);
	vbh_catalogue_close(catalogue);
	code = err ? complain(err == -EPERM || err == -EACCES ? EXIT_REFUSED : EXIT_FAILED, "%s",
			      vbh_error(vbh)) : report_start(vbh);
	vbh_close(vbh);
	return code;
}

/* Shows the key in the file to the hypervisor, and forgets it. */
static int unlock(struct vbh *vbh, const char *path)
{
	uint8_t key[VBH_KEY_MAX + 1];
	size_t len;
	int err = 0, code = read_key(path, key, &len);

	if (!code)
		err = vbh_unlock(vbh, key, len);
	explicit_bzero(key, sizeof(key));
	if (code)
		return code;
	if (err)
		return complain(err == -EACCES || err == -EAGAIN || err == -EPERM ? EXIT_REFUSED :
				EXIT_FAILED, "%s: %s", path, vbh_error(vbh));
	return EXIT_OK;
}

static int stop(struct vbh *vbh, const struct vbh_status *st, const char *key)
{
	int err, code;

	if (st->state == VBH_STATE_SEALED) {
		if (!st->has_key)
			return complain(EXIT_REFUSED, "VBH is sealed and was started without a key_hash: only a reboot ends it");
		if (!key)
			return complain(EXIT_REFUSED, "VBH is sealed: name the file of its key (--key FILE)");
		code = unlock(vbh, key);
		if (code)
			return code;
	}
	err = vbh_stop(vbh);
	if (err)
		return complain_vbh(vbh, err);
	if (opt_json)
		return print_json(json_pack("{s:b}", "running", 0));
	printf("VBH has stopped; nothing is protected any more.\n");
	return EXIT_OK;
}

int cmd_stop(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "key", 1, NULL, 'k' }, { "json", 0, NULL, 'j' }, { 0 }
	};
	struct vbh_info info;
	const char *key = NULL;
	struct vbh *vbh = NULL;
	int c, code;

	while ((c = next_option(argc, argv, ":jk:", longopts)) != -1) {
		if (c == '?')
			return EXIT_USAGE;
		key = optarg;
	}
	if (optind != argc)
		return usage("unexpected argument '%s'", argv[optind]);
	code = open_running(&vbh, &info);
	if (!code)
		code = stop(vbh, &info.status, key);
	vbh_close(vbh);
	return code;
}

static int report_seal(const struct vbh_status *st, bool already)
{
	char regions[32], pins[32];

	if (opt_json)
		return print_json(json_pack("{s:b, s:b, s:b, s:i, s:i}", "sealed", 1,
					    "was_sealed", already, "has_key", st->has_key,
					    "regions", st->regions, "pins", st->pins));
	printf("%s: %s and %s hold and can't be loosened. %s\n",
	       already ? "Was sealed already" : "Sealed",
	       plural(st->regions, "region", regions, sizeof(regions)),
	       plural(st->pins, "pin", pins, sizeof(pins)),
	       st->has_key ? "Only the key can stop VBH (vbhctl stop --key FILE)." :
	       "There is no key: only a reboot ends it.");
	return EXIT_OK;
}

int cmd_seal(int argc, char **argv)
{
	struct vbh_info info;
	struct vbh *vbh = NULL;
	int err, code;

	if (!takes_nothing(argc, argv))
		return EXIT_USAGE;
	code = open_running(&vbh, &info);
	if (code)
		goto out;
	err = vbh_seal(vbh);
	if (err && err != -EALREADY)
		code = complain_vbh(vbh, err);
	else
		code = report_seal(&info.status, err == -EALREADY);
out:
	vbh_close(vbh);
	return code;
}
