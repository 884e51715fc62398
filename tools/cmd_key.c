// SPDX-License-Identifier: GPL-2.0-only
/*
 * key: the key that can stop a sealed VBH, and the hash of it for the policy.
 * A key is the bytes of its file, all of them, so that sha256sum says the same.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "vbhctl.h"

#define KEY_BYTES	32

static int print_hash(const char *path, const uint8_t *key, size_t len)
{
	uint8_t hash[VBH_HASH_LEN];

	vbh_hash(key, len, hash);
	if (opt_json)
		return print_json(json_pack("{s:o, s:o}", "file", json_text(path), "key_hash",
					    json_hex_bytes(hash, sizeof(hash))));
	printf("key_hash = \"");
	for (size_t i = 0; i < sizeof(hash); i++)
		printf("%02x", hash[i]);
	printf("\";\n");
	return EXIT_OK;
}

/* Written whole and on disk, or not there. */
static int write_key(const char *path, const char *text, size_t len)
{
	int err = 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return complain(EXIT_FAILED, "%s: %s", path, errno == EEXIST ?
				"is there already, and a key is never overwritten" :
				strerror(errno));
	if (write(fd, text, len) != (ssize_t)len)
		err = errno ? errno : ENOSPC;
	if (!err && fsync(fd) && errno != EINVAL)
		err = errno;
	if (close(fd) && !err)
		err = errno;
	if (err) {
		unlink(path);
		return complain(EXIT_FAILED, "%s: %s", path, strerror(err));
	}
	return EXIT_OK;
}

static int generate(const char *path)
{
	uint8_t bytes[KEY_BYTES];
	char text[2 * KEY_BYTES + 2];
	int code;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return complain(EXIT_FAILED, "no random bytes: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	text[sizeof(text) - 2] = '\n';
	code = write_key(path, text, sizeof(text) - 1);
	if (!code)
		code = print_hash(path, (const uint8_t *)text, sizeof(text) - 1);
	explicit_bzero(bytes, sizeof(bytes));
	explicit_bzero(text, sizeof(text));
	return code;
}

int read_key(const char *path, uint8_t key[VBH_KEY_MAX + 1], size_t *len)
{
	int err = 0, fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	*len = 0;
	if (fd < 0)
		return complain(EXIT_FAILED, "%s: %s", path, strerror(errno));
	while (n && !err && *len <= VBH_KEY_MAX) {
		n = read(fd, key + *len, VBH_KEY_MAX + 1 - *len);
		if (n > 0)
			*len += (size_t)n;
		else if (n && errno != EINTR)
			err = errno;
	}
	close(fd);
	if (err)
		return complain(EXIT_FAILED, "%s: %s", path, strerror(err));
	if (!*len || *len > VBH_KEY_MAX)
		return complain(EXIT_FAILED, "%s: a key file has 1 to %u bytes", path, VBH_KEY_MAX);
	return EXIT_OK;
}

static int hash_file(const char *path)
{
	uint8_t key[VBH_KEY_MAX + 1];
	size_t len;
	int code = read_key(path, key, &len);

	if (!code)
		code = print_hash(path, key, len);
	explicit_bzero(key, sizeof(key));
	return code;
}

int cmd_key(int argc, char **argv)
{
	static const struct option longopts[] = { { "json", 0, NULL, 'j' }, { 0 } };

	if (next_option(argc, argv, ":j", longopts) != -1)
		return EXIT_USAGE;
	if (argc - optind != 2)
		return usage("takes 'generate' or 'hash', and a file");
	if (!strcmp(argv[optind], "generate"))
		return generate(argv[optind + 1]);
	if (!strcmp(argv[optind], "hash"))
		return hash_file(argv[optind + 1]);
	return usage("no such subcommand '%s'", argv[optind]);
}
