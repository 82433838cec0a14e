#include "tls_saved.h"

#include <string.h>

#include "assert.h"
#include "bytes.h"

enum {
	/* Where each of them lies. */
	AT_VERSION = 0,
	AT_SUITE = 1,
	AT_FRAGMENT_LEN = 3,
	AT_FLAGS = 5,
	AT_QUIET = 6,
	AT_UPDATE_LEN = 7,
	AT_READ_SEQ = 8,
	AT_WRITE_SEQ = 16,
	AT_READ_IV = 24,
	AT_WRITE_IV = AT_READ_IV + TLS_IV_LEN,
	AT_MATERIAL = AT_WRITE_IV + TLS_IV_LEN,
	FRAGMENT_MIN = 512, /* bytes: RFC 6066 section 4 */
	/* A key is replaced behind TLS_LINE_RECORDS_A_KEY and what is sealed at once with the last.
	 */
	WRITE_SEQ_END = 2 * TLS_LINE_RECORDS_A_KEY,
};

_Static_assert(0 + AT_MATERIAL == 0 + TLS_SAVED_FRONT, "nothing lies between");

static size_t material_len(enum tls_suite suite)
{
	const struct tls_suite_facts *facts = tls_suite_facts(suite);
	return 2 * ((size_t)facts->key_len + facts->secret_len);
}

size_t tls_saved_write(const struct tls_line *line, uint8_t ret_saved[TLS_SAVED_MAX])
{
	const enum tls_suite suite = (enum tls_suite)line->suite;
	ret_saved[AT_VERSION] = TLS_SAVED_VERSION;
	store_be16(ret_saved + AT_SUITE, tls_suite_facts(suite)->id);
	store_be16(ret_saved + AT_FRAGMENT_LEN, line->fragment_len);
	ret_saved[AT_FLAGS] = line->flags;
	ret_saved[AT_QUIET] = line->quiet;
	ret_saved[AT_UPDATE_LEN] = line->update_len;
	store_be64(ret_saved + AT_READ_SEQ, line->read_seq);
	store_be64(ret_saved + AT_WRITE_SEQ, line->write_seq);
	memcpy(ret_saved + AT_READ_IV, line->read_iv, TLS_IV_LEN);
	memcpy(ret_saved + AT_WRITE_IV, line->write_iv, TLS_IV_LEN);
	memcpy(ret_saved + AT_MATERIAL, line->material, material_len(suite));
	return AT_MATERIAL + material_len(suite);
}

/* Whether a line of ours may have come to be so. */
static bool is_possible(const uint8_t *saved)
{
	const uint16_t fragment_len = load_be16(saved + AT_FRAGMENT_LEN);
	return fragment_len >= FRAGMENT_MIN && fragment_len <= TLS_PLAIN_MAX &&
	       (saved[AT_FLAGS] & ~(TLS_LINE_OWES | TLS_LINE_ASKS)) == 0 &&
	       saved[AT_QUIET] <= TLS_LINE_QUIET_MAX + 1 &&
	       saved[AT_UPDATE_LEN] <= TLS_LINE_UPDATE_LEN &&
	       load_be64(saved + AT_WRITE_SEQ) < WRITE_SEQ_END;
}

bool tls_saved_check(const uint8_t *saved, size_t len, enum tls_suite *ret_suite)
{
	enum tls_suite suite;
	if (len < AT_MATERIAL || saved[AT_VERSION] != TLS_SAVED_VERSION ||
		!tls_suite_from_id(load_be16(saved + AT_SUITE), &suite) ||
		len != AT_MATERIAL + material_len(suite) || !is_possible(saved)) {
		return false;
	}
	*ret_suite = suite;
	return true;
}

void tls_saved_read(const uint8_t *saved, struct tls_line *ret_line)
{
	enum tls_suite suite;
	ASSERT(tls_suite_from_id(load_be16(saved + AT_SUITE), &suite));
	*ret_line = (struct tls_line){
		.read_seq = load_be64(saved + AT_READ_SEQ),
		.write_seq = load_be64(saved + AT_WRITE_SEQ),
		.fragment_len = load_be16(saved + AT_FRAGMENT_LEN),
		.suite = (uint8_t)suite,
		.flags = saved[AT_FLAGS],
		.quiet = saved[AT_QUIET],
		.update_len = saved[AT_UPDATE_LEN],
	};
	memcpy(ret_line->read_iv, saved + AT_READ_IV, TLS_IV_LEN);
	memcpy(ret_line->write_iv, saved + AT_WRITE_IV, TLS_IV_LEN);
	memcpy(ret_line->material, saved + AT_MATERIAL, material_len(suite));
}
