// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does the kernel ask that modules are signed, and is vbh.ko, by a key that the
 * kernel has? The signature is what scripts/sign-file appends: a PKCS#7 message
 * that names the certificate by issuer and serial number, or the key by its
 * identifier. It is not verified: that is the kernel's to do.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "check.h"
#include "printable.h"

#define EFIVARS		"/sys/firmware/efi/efivars"
#define EFI_GLOBAL	"8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define EFI_SHIM	"605dab50-e046-4300-abb6-3dd810dd8b23"

/* DER: an element's tag and contents. */
struct der {
	uint8_t tag;
	const uint8_t *all;	/* with its tag and length */
	const uint8_t *at, *end;	/* its contents */
};

#define SEQUENCE	0x30
#define SET		0x31
#define INTEGER		0x02
#define OID		0x06
#define CONTEXT(n)	(0xa0 | (n))

/* The element at *at, which is then behind it; false: none is there whole. */
static bool der_next(const uint8_t **at, const uint8_t *end, struct der *d)
{
	const uint8_t *p = *at;
	size_t len, n;

	if (end - p < 2)
		return false;
	d->all = p;
	d->tag = p[0];
	len = p[1];
	p += 2;
	if (len & 0x80) {
		n = len & 0x7f;
		if (!n || n > 4 || (size_t)(end - p) < n)
			return false;
		for (len = 0; n; n--)
			len = len << 8 | *p++;
	}
	if ((size_t)(end - p) < len)
		return false;
	d->at = p;
	d->end = *at = p + len;
	return true;
}

/* The first element with that tag within a constructed one, which d may be. */
static bool der_find(const struct der *in, uint8_t tag, struct der *d)
{
	const uint8_t *at = in->at, *end = in->end;

	while (der_next(&at, end, d))
		if (d->tag == tag)
			return true;
	return false;
}

/* The common name in a Name: a SEQUENCE of SETs of SEQUENCEs of an OID and a text. */
static void common_name(const struct der *name, char *buf, size_t len)
{
	static const uint8_t cn[] = { 0x55, 0x04, 0x03 };
	const uint8_t *at = name->at, *in;
	struct der set, pair, oid, text;

	while (der_next(&at, name->end, &set)) {
		in = set.at;
		if (!der_next(&in, set.end, &pair))
			continue;
		in = pair.at;
		if (der_next(&in, pair.end, &oid) && der_next(&in, pair.end, &text) &&
		    oid.end - oid.at == sizeof(cn) && !memcmp(oid.at, cn, sizeof(cn)))
			snprintf(buf, len, "%.*s", (int)(text.end - text.at),
				 (const char *)text.at);
	}
	printable(buf);
}

/* ContentInfo, SignedData, its last SET: SignerInfos; of the first, who signed. */
static void read_pkcs7(const uint8_t *data, size_t len, struct check_signer *s)
{
	const uint8_t *at = data, *end = data + len;
	struct der d, sets = { 0 }, info, who, serial;

	if (!der_next(&at, end, &d) || !der_find(&d, CONTEXT(0), &d) ||
	    !der_find(&d, SEQUENCE, &d))
		return;
	for (at = d.at, end = d.end; der_next(&at, end, &who); )
		if (who.tag == SET)
			sets = who;
	if (!sets.at || !der_find(&sets, SEQUENCE, &info))
		return;
	at = info.at;
	if (!der_next(&at, info.end, &d) || !der_next(&at, info.end, &who))
		return;
	if (who.tag == SEQUENCE) {
		at = who.at;
		if (!der_next(&at, who.end, &d) || !der_next(&at, who.end, &serial))
			return;
		common_name(&d, s->name, sizeof(s->name));
		s->issuer = d.all;
		s->issuer_len = (size_t)(d.end - d.all);
		s->serial = serial.all;
		s->serial_len = (size_t)(serial.end - serial.all);
	} else if (who.tag == 0x80 && who.end - who.at <= 31) {
		for (size_t i = 0; i < (size_t)(who.end - who.at); i++)
			snprintf(s->key_id + 2 * i, 3, "%02x", who.at[i]);
	}
}

bool check_signature(const uint8_t *data, size_t len, struct check_signer *s)
{
	static const char magic[] = "~Module signature appended~\n";
	const size_t end = sizeof(magic) - 1, trailer = 12;	/* struct module_signature */
	const uint8_t *t;
	uint32_t size;

	*s = (struct check_signer){ "" };
	if (len < end + trailer || memcmp(data + len - end, magic, end) != 0)
		return false;
	t = data + len - end - trailer;
	size = (uint32_t)t[8] << 24 | (uint32_t)t[9] << 16 | (uint32_t)t[10] << 8 | t[11];
	if (size <= len - end - trailer)
		read_pkcs7(t - size, size, s);
	return true;
}

/* Why modules have to be signed; NULL: they have not; known: is that sure? */
static const char *asked(const struct check_machine *m, bool *known)
{
	char value[64];

	*known = true;
	if (check_config(m, "MODULE_SIG_FORCE") == 'y')
		return "CONFIG_MODULE_SIG_FORCE";
	/* Without the file there is no CONFIG_MODULE_SIG. */
	if (check_line_of(m, "/sys/module/module/parameters/sig_enforce", value, sizeof(value))) {
		if (*value == 'Y' || *value == '1')
			return "module.sig_enforce";
	} else if (errno != ENOENT) {
		*known = false;
	}
	if (check_line_of(m, "/sys/kernel/security/lockdown", value, sizeof(value))) {
		if (!strstr(value, "[none]"))
			return "lockdown";
	} else if (check_config(m, "SECURITY_LOCKDOWN_LSM") != 'n') {
		*known = false;
	}
	return NULL;
}

/* Have the certificates that shim passed on, or the keys that /proc/keys shows, this one? */
static bool has_key(const struct check_machine *m, const struct check_signer *s, bool *shown)
{
	char *keys = check_text(m, "/proc/keys");
	static uint8_t mok[1 << 17];
	ssize_t n = check_bytes(m, EFIVARS "/MokListRT-" EFI_SHIM, mok, sizeof(mok));
	const char *name = *s->key_id ? s->key_id : s->name;
	bool has = false;

	*shown = keys && strstr(keys, " asymmetri ");
	for (const char *p = keys; p && *p && !has; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *end = p + strcspn(p, "\n"), *type = strstr(p, " asymmetri ");
		const char *at = type && type < end && *name ? strstr(type, name) : NULL;

		has = at && at < end;
	}
	free(keys);
	return has || (s->issuer && n > 0 && memmem(mok, (size_t)n, s->issuer, s->issuer_len) &&
		       memmem(mok, (size_t)n, s->serial, s->serial_len));
}

static void add_secure_boot(struct check_machine *m)
{
	uint8_t value[5];
	ssize_t n = check_bytes(m, EFIVARS "/SecureBoot-" EFI_GLOBAL, value, sizeof(value));

	if (!check_exists(m, "/sys/firmware/efi"))
		check_add(m, CHECK_DRIVER, "secure-boot", CHECK_PASS, "", "not booted by EFI");
	else if (n == sizeof(value))
		check_add(m, CHECK_DRIVER, "secure-boot", CHECK_PASS, "", value[4] ? "on" : "off");
	else if (n < 0 && errno == ENOENT && check_exists(m, EFIVARS "/BootOrder-" EFI_GLOBAL))
		check_add(m, CHECK_DRIVER, "secure-boot", CHECK_PASS, "", "firmware has none");
	else
		check_add(m, CHECK_DRIVER, "secure-boot", CHECK_UNKNOWN, "",
			  "firmware's variable SecureBoot can't be read (efivarfs)");
}

static void add_lockdown(struct check_machine *m)
{
	char value[64], *mode;

	if (check_line_of(m, "/sys/kernel/security/lockdown", value, sizeof(value))) {
		mode = strchr(value, '[');
		mode = mode ? mode + 1 : value;
		mode[strcspn(mode, "]")] = '\0';
		check_add(m, CHECK_DRIVER, "lockdown", CHECK_PASS,
			  strcmp(mode, "none") != 0 ? "modules have to be signed" : "", "%s", mode);
	} else if (check_config(m, "SECURITY_LOCKDOWN_LSM") == 'n') {
		check_add(m, CHECK_DRIVER, "lockdown", CHECK_PASS, "", "this kernel has none");
	} else {
		check_add(m, CHECK_DRIVER, "lockdown", CHECK_UNKNOWN, "",
			  "/sys/kernel/security/lockdown can't be read (securityfs)");
	}
}

static void add_signature(struct check_machine *m, const uint8_t *data, size_t len)
{
	bool known, shown, is_signed;
	const char *why = asked(m, &known), *by;
	struct check_signer s;

	if (check_exists(m, "/sys/module/vbh")) {
		check_add(m, CHECK_DRIVER, "signature", CHECK_PASS, "",
			  "the kernel has taken vbh.ko as it is");
		return;
	}
	if (!data) {
		check_add(m, CHECK_DRIVER, "signature", CHECK_UNKNOWN, "",
			  "there is no vbh.ko to look at");
		return;
	}
	is_signed = check_signature(data, len, &s);
	by = *s.name ? s.name : *s.key_id ? s.key_id : "a key that is not named";
	if (!is_signed && why)
		check_add(m, CHECK_DRIVER, "signature", CHECK_FAIL,
			  "sign vbh.ko with a key that the kernel has, or switch Secure Boot off",
			  "vbh.ko is not signed, and %s asks for it", why);
	else if (!is_signed)
		check_add(m, CHECK_DRIVER, "signature", known ? CHECK_PASS : CHECK_UNKNOWN, "",
			  known ? "vbh.ko is not signed, and the kernel does not ask for it" :
			  "vbh.ko is not signed; whether the kernel asks for it can't be read");
	else if (has_key(m, &s, &shown))
		check_add(m, CHECK_DRIVER, "signature", CHECK_PASS, "",
			  "vbh.ko is signed by \"%s\", a key of that name is the kernel's", by);
	else if (known && !why)
		check_add(m, CHECK_DRIVER, "signature", CHECK_PASS, "",
			  "vbh.ko is signed by \"%s\", and the kernel does not ask for it", by);
	else if (shown)
		check_add(m, CHECK_DRIVER, "signature", why ? CHECK_FAIL : CHECK_WARN,
			  "enrol it (mokutil --import), or sign vbh.ko with one that is there",
			  "vbh.ko is signed by \"%s\", and the kernel has no such key (/proc/keys)",
			  by);
	else
		check_add(m, CHECK_DRIVER, "signature", CHECK_UNKNOWN, "run as root for this line",
			  "vbh.ko is signed by \"%s\"; /proc/keys does not show the kernel's keys",
			  by);
}

void check_signing(struct check_machine *m, const uint8_t *data, size_t len)
{
	add_secure_boot(m);
	add_lockdown(m);
	add_signature(m, data, len);
}
