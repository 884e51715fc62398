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

/* Does ev's own hash follow from the hash before it, and is nothing where nothing is hashed? */
static bool hash_follows(const uint8_t before[VBH_HASH_LEN], const struct vbh_event *ev)
{
	static const uint8_t zero[sizeof(ev->module) + sizeof(ev->rest)];
	bool named = ev->kind == VBH_KIND_MODULE;
	uint8_t hash[VBH_HASH_LEN];
	SHA2_CTX ctx;

	if (memcmp(ev->rest, zero, sizeof(ev->rest)) != 0 ||
	    (!named && memcmp(ev->module, zero, sizeof(ev->module)) != 0))
		return false;
	SHA256Init(&ctx);
	SHA256Update(&ctx, before, VBH_HASH_LEN);
	SHA256Update(&ctx, (const uint8_t *)ev, offsetof(struct vbh_event, hash));
	if (named)
		SHA256Update(&ctx, (const uint8_t *)ev->module, sizeof(ev->module));
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
