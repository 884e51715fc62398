// SPDX-License-Identifier: LGPL-2.1
/* The events' hash chain and clock. The hash itself is libmd's. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sha2.h>
#include "libvbh.h"

void vbh_hash(const void *data, size_t len, uint8_t hash[VBH_HASH_LEN])
{
	SHA2_CTX ctx;

	SHA256Init(&ctx);
	SHA256Update(&ctx, data, len);
	SHA256Final(hash, &ctx);
}

/* Does ev's own hash follow from the hash before it? A stack is hashed if there is one. */
static bool hash_follows(const uint8_t before[VBH_HASH_LEN], const struct vbh_event *ev)
{
	static const uint8_t none[sizeof(ev->stack)];
	bool more = ev->kind == VBH_KIND_MODULE || ev->kind == VBH_KIND_TEXT || ev->stack[0];
	uint8_t hash[VBH_HASH_LEN];
	SHA2_CTX ctx;

	if (!more && memcmp(ev->stack, none, sizeof(none)) != 0)
		return false;
	SHA256Init(&ctx);
	SHA256Update(&ctx, before, VBH_HASH_LEN);
	SHA256Update(&ctx, (const uint8_t *)ev, offsetof(struct vbh_event, hash));
	if (more)
		SHA256Update(&ctx, (const uint8_t *)ev->stack, sizeof(ev->stack));
	SHA256Final(hash, &ctx);
	return !memcmp(hash, ev->hash, sizeof(hash));
}

int vbh_events_verify(struct vbh_chain *chain, const struct vbh_event *events, size_t n)
{
	/* Lost records have no number, so that numbers follow each other here too. */
	for (size_t i = 0; i < n; i++) {
		const struct vbh_event *ev = &events[i];
		bool first = !chain->records;
		bool ok;

		if (first)
			chain->from_start = ev->seq == 0;
		if (first && !chain->from_start)
			ok = true;
		else
			ok = ev->seq == chain->next_seq && ev->lost >= chain->lost &&
			     hash_follows(chain->hash, ev);
		if (!ok) {
			chain->bad_seq = ev->seq;
			return -EBADMSG;
		}
		chain->records++;
		chain->next_seq = ev->seq + 1;
		chain->lost = ev->lost;
		memcpy(chain->hash, ev->hash, sizeof(chain->hash));
	}
	return 0;
}

int64_t vbh_event_time(const struct vbh_info *info, const struct vbh_event *event)
{
	__int128 ticks = (__int128)event->tsc - info->tsc;

	if (!info->tsc_khz || !info->realtime_ns)
		return 0;
	return (int64_t)((__int128)info->realtime_ns + ticks * 1000000 / info->tsc_khz);
}
