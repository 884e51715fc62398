// SPDX-License-Identifier: GPL-2.0-only
/*
 * vbhctl check looks at the signature of a module, which anybody may have written:
 * the input is the PKCS#7 message, and what says that it is one is put behind it.
 */
#include <stdlib.h>
#include <string.h>
#include "check/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char magic[] = "~Module signature appended~\n";
	const uint8_t trailer[12] = { 0, 0, 2, 0, 0, 0, 0, 0, (uint8_t)(size >> 24),
				      (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size };
	size_t len = size + sizeof(trailer) + sizeof(magic) - 1;
	struct check_signer s;
	uint8_t *file = malloc(len);

	if (!file)
		abort();
	if (size)
		memcpy(file, data, size);
	memcpy(file + size, trailer, sizeof(trailer));
	memcpy(file + size + sizeof(trailer), magic, sizeof(magic) - 1);
	if (!check_signature(file, len, &s))
		abort();
	/* What is named in it lies in it. */
	if (s.issuer && (s.issuer < file || s.issuer + s.issuer_len > file + size ||
			 s.serial < file || s.serial + s.serial_len > file + size))
		abort();
	free(file);
	return 0;
}
