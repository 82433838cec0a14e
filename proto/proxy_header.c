#include "proxy_header.h"

#include <string.h>

#include "ascii.h"
#include "bytes.h"

enum {
	V1_MAX = 107, /* bytes, CR LF included */
	V2_SIGNATURE_LEN = 12,
	V2_START_LEN = 16, /* up to the addresses */
	V2_COMMAND_AT = 12,
	V2_FAMILY_AT = 13,
	V2_LEN_AT = 14,
	V2_LOCAL = 0x20, /* version and command */
	V2_PROXY = 0x21,
	V2_UNSPEC = 0, /* families, the upper half of their byte */
	V2_INET = 1,
	V2_INET6 = 2,
	V2_UNIX = 3,
	V2_TRANSPORT_MAX = 2, /* the lower half: 0 is none, 1 a stream, 2 datagrams */
	V2_INET_LEN = 12,     /* bytes of both addresses and ports */
	V2_INET6_LEN = 36,
	V2_UNIX_LEN = 216,
	TLV_START_LEN = 3, /* a type, and two bytes of length */
	TLV_CRC32C = 0x03,
	CRC_LEN = 4,
	PORT_MAX = 65535,
};

static const char v1_signature[] = {'P', 'R', 'O', 'X', 'Y', ' '};
static const char v2_signature[V2_SIGNATURE_LEN] = {
	'\r', '\n', '\r', '\n', '\0', '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};

/* --- version 1 ---------------------------------------------------------------------------------
 */

static bool read_port(struct slice text, uint16_t *ret_port)
{
	uint64_t port;
	if (!ascii_number(text.data, text.len, PORT_MAX, &port)) {
		return false;
	}
	*ret_port = (uint16_t)port;
	return true;
}

/* Reads an address of the family that the line names. */
static bool read_host(struct slice text, bool is_v4, struct ip_address *ret_address)
{
	const bool has_colon = text.len > 0 && memchr(text.data, ':', text.len);
	return has_colon != is_v4 && ip_address_read(text, ret_address);
}

/* A line without its CR LF. */
static bool read_v1_line(struct slice line, struct proxy_header *ret_header)
{
	struct ip_address client;
	struct ip_address here;
	slice_drop(&line, sizeof(v1_signature));
	const struct slice family = slice_cut(&line, ' ');
	if (slice_equals(family, SLICE("UNKNOWN"))) {
		return true; /* whatever follows */
	}
	const bool is_v4 = slice_equals(family, SLICE("TCP4"));
	if (!is_v4 && !slice_equals(family, SLICE("TCP6"))) {
		return false;
	}
	if (!read_host(slice_cut(&line, ' '), is_v4, &client) ||
		!read_host(slice_cut(&line, ' '), is_v4, &here) ||
		!read_port(slice_cut(&line, ' '), &client.port) || !read_port(line, &here.port)) {
		return false;
	}
	ret_header->names_client = true;
	ret_header->client = client;
	return true;
}

static enum proxy_header_progress read_v1(struct slice all, struct proxy_header *ret_header)
{
	struct proxy_header header = {.names_client = false};
	const size_t most = all.len < V1_MAX ? all.len : V1_MAX;
	const char *end = memmem(all.data, most, "\r\n", 2);
	if (!end) {
		return all.len < V1_MAX ? PROXY_HEADER_MORE : PROXY_HEADER_MALFORMED;
	}
	const struct slice line = {all.data, (size_t)(end - all.data)};
	if (!read_v1_line(line, &header)) {
		return PROXY_HEADER_MALFORMED;
	}
	header.len = line.len + 2;
	*ret_header = header;
	return PROXY_HEADER_COMPLETE;
}

/* --- version 2 ---------------------------------------------------------------------------------
 */

/* RFC 3720 appendix B.4. Bit by bit: few headers have one, and they are short. */
static uint32_t crc32c_add(uint32_t crc, uint8_t byte)
{
	crc ^= byte;
	for (int bit = 0; bit < 8; bit++) {
		crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
	}
	return crc;
}

/* Of a header, its own place taken for zeros. */
static uint32_t crc32c_without(const uint8_t *header, size_t len, size_t at)
{
	uint32_t crc = UINT32_MAX;
	for (size_t i = 0; i < len; i++) {
		crc = crc32c_add(crc, i >= at && i < at + CRC_LEN ? 0 : header[i]);
	}
	return ~crc;
}

/* The extensions, from `at` on. */
static bool are_tlvs_sound(const uint8_t *header, size_t len, size_t at)
{
	while (at < len) {
		if (len - at < TLV_START_LEN) {
			return false;
		}
		const uint8_t type = header[at];
		const size_t value_len = load_be16(header + at + 1);
		at += TLV_START_LEN;
		if (value_len > len - at) {
			return false;
		}
		if (type == TLV_CRC32C &&
			(value_len != CRC_LEN ||
				load_be32(header + at) != crc32c_without(header, len, at))) {
			return false;
		}
		at += value_len;
	}
	return true;
}

static void take_client(const uint8_t *addresses, unsigned family, struct proxy_header *header)
{
	header->names_client = true;
	if (family == V2_INET) {
		header->client = ip_address_of_v4(addresses);
		header->client.port = load_be16(addresses + 8);
	} else {
		memcpy(header->client.bytes, addresses, IP_ADDRESS_LEN);
		header->client.port = load_be16(addresses + 32);
	}
}

/* A header that is complete, and speaks for somebody else. */
static bool read_v2_client(const uint8_t *data, struct proxy_header *header)
{
	static const size_t lens[] = {
		[V2_UNSPEC] = 0,
		[V2_INET] = V2_INET_LEN,
		[V2_INET6] = V2_INET6_LEN,
		[V2_UNIX] = V2_UNIX_LEN,
	};
	const unsigned family = data[V2_FAMILY_AT] >> 4;
	const unsigned transport = data[V2_FAMILY_AT] & 0xf;
	if (family > V2_UNIX || transport > V2_TRANSPORT_MAX ||
		header->len - V2_START_LEN < lens[family]) {
		return false;
	}
	if (family == V2_UNSPEC) {
		return true; /* whatever follows */
	}
	if (family != V2_UNIX && transport > 0) {
		take_client(data + V2_START_LEN, family, header);
	}
	return are_tlvs_sound(data, header->len, V2_START_LEN + lens[family]);
}

static enum proxy_header_progress read_v2(
	const uint8_t *data, size_t len, struct proxy_header *ret_header)
{
	if (len < V2_START_LEN) {
		return PROXY_HEADER_MORE;
	}
	struct proxy_header header = {.len = V2_START_LEN + (size_t)load_be16(data + V2_LEN_AT)};
	const uint8_t command = data[V2_COMMAND_AT];
	if ((command != V2_LOCAL && command != V2_PROXY) || header.len > PROXY_HEADER_MAX) {
		return PROXY_HEADER_MALFORMED;
	}
	if (len < header.len) {
		return PROXY_HEADER_MORE;
	}
	if (command == V2_PROXY && !read_v2_client(data, &header)) {
		return PROXY_HEADER_MALFORMED;
	}
	*ret_header = header;
	return PROXY_HEADER_COMPLETE;
}

/* --- both --------------------------------------------------------------------------------------
 */

/* Whether the bytes so far agree with a signature, as far as either goes. */
static bool may_begin(struct slice all, const char *signature, size_t len)
{
	return memcmp(all.data, signature, all.len < len ? all.len : len) == 0;
}

enum proxy_header_progress proxy_header_read(
	const uint8_t *data, size_t len, struct proxy_header *ret_header)
{
	const struct slice all = {(const char *)data, len};
	if (len == 0) {
		return PROXY_HEADER_MORE;
	}
	if (may_begin(all, v1_signature, sizeof(v1_signature))) {
		return read_v1(all, ret_header);
	}
	if (may_begin(all, v2_signature, sizeof(v2_signature))) {
		return read_v2(data, len, ret_header);
	}
	return PROXY_HEADER_MALFORMED;
}
