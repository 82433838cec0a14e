#include "tls_pack.h"

#include <errno.h>

#include <openssl/crypto.h>

#include "../../proto/assert.h"
#include "../../proto/close_reason.h"
#include "../../proto/tls_record.h"
#include "../../proto/tls_saved.h"
#include "tls_hold.h"

/* Why a line may be over before all that came on it has been acted upon. The order is what travels:
 * it is added to at the end. */
static const uint8_t ends[] = {
	CLOSE_REASON_NONE,
	CLOSE_REASON_PEER_EOF,
	CLOSE_REASON_PEER_RESET,
	CLOSE_REASON_TLS_RECORD,
	CLOSE_REASON_TLS_ALERT,
	CLOSE_REASON_TLS_TRUNCATED,
	CLOSE_REASON_INTERNAL_ERROR,
};

enum {
	END_COUNT = sizeof(ends) / sizeof(ends[0]),
};

static uint8_t number_of_end(uint8_t reason)
{
	uint8_t number = 0;
	while (ends[number] != reason) {
		number++;
		ASSERT(number < END_COUNT);
	}
	return number;
}

/* --- writing -----------------------------------------------------------------------------------
 */

static struct slice bytes_of(const struct tls_kept *kept)
{
	return (struct slice){(const char *)kept->bytes + kept->begin, kept->end - kept->begin};
}

static void pack_kept(const struct tls_kept *kept, struct pack *pack)
{
	pack_slice(pack, kept->bytes ? bytes_of(kept) : SLICE(""));
}

void tls_pack(const struct tls_line *line, struct pack *pack)
{
	static const struct tls_hold none = {.half.bytes = NULL};
	const struct tls_hold *hold = line->hold ? line->hold : &none;
	uint8_t saved[TLS_SAVED_MAX];
	const size_t len = tls_saved_write(line, saved);
	pack_slice(pack, (struct slice){(const char *)saved, len});
	OPENSSL_cleanse(saved, sizeof(saved));
	pack_u8(pack, number_of_end(line->reason));
	pack_u8(pack, line->alert);
	pack_kept(&hold->half, pack);
	pack_kept(&hold->residue, pack);
}

/* --- reading -----------------------------------------------------------------------------------
 */

/* Only an end of ours is told, and what is kept is part of one record. */
static bool is_possible(const struct tls_packed *packed)
{
	const bool is_ours = packed->reason == CLOSE_REASON_TLS_RECORD ||
			     packed->reason == CLOSE_REASON_INTERNAL_ERROR;
	return (packed->alert == 0 || is_ours) && packed->half.len <= TLS_RECORD_MAX &&
	       packed->residue.len <= TLS_RECORD_MAX;
}

int tls_pack_read(struct unpack *unpack, struct tls_packed *ret_packed)
{
	struct tls_packed packed = {.saved = unpack_slice(unpack)};
	packed.reason = ends[unpack_below(unpack, END_COUNT)];
	packed.alert = unpack_u8(unpack);
	packed.half = unpack_slice(unpack);
	packed.residue = unpack_slice(unpack);
	if (unpack->failed ||
		!tls_saved_check(
			(const uint8_t *)packed.saved.data, packed.saved.len, &packed.suite) ||
		!is_possible(&packed)) {
		return -EINVAL;
	}
	*ret_packed = packed;
	return 0;
}

/* Nothing is kept of nothing. */
static int restore_hold(const struct tls_packed *packed, struct tls_hold **hold)
{
	int err = 0;
	if (packed->half.len > 0) {
		err = tls_hold_add_half(hold, (const uint8_t *)packed->half.data, packed->half.len);
	}
	if (!err && packed->residue.len > 0) {
		err = tls_hold_add_residue(
			hold, (const uint8_t *)packed->residue.data, packed->residue.len);
	}
	if (err) {
		tls_hold_destroy(hold);
	}
	return err;
}

int tls_pack_restore(const struct tls_packed *packed, struct tls_line *ret_line)
{
	struct tls_hold *hold = NULL;
	int err = restore_hold(packed, &hold);
	if (!err) {
		tls_saved_read((const uint8_t *)packed->saved.data, ret_line);
		ret_line->hold = hold;
		ret_line->reason = packed->reason;
		ret_line->alert = packed->alert;
	}
	return err;
}
