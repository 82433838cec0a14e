#include "ip_address.h"

#include <string.h>

#include "ascii.h"

enum {
	GROUP_LEN = 2,    /* bytes of IPv6 between two colons */
	GROUP_DIGITS = 4, /* at most */
	OCTET_DIGITS = 3, /* at most */
	PORT_MAX = 65535,
};

static const uint8_t v4_prefix[IP_ADDRESS_V4_AT] = {[10] = 0xff, [11] = 0xff};

struct ip_address ip_address_of_v4(const uint8_t v4[IP_ADDRESS_V4_LEN])
{
	struct ip_address address = {.port = 0};
	memcpy(address.bytes, v4_prefix, sizeof(v4_prefix));
	memcpy(address.bytes + IP_ADDRESS_V4_AT, v4, IP_ADDRESS_V4_LEN);
	return address;
}

bool ip_address_is_v4(const uint8_t bytes[IP_ADDRESS_LEN])
{
	return memcmp(bytes, v4_prefix, sizeof(v4_prefix)) == 0;
}

static bool read_v4(struct slice text, uint8_t ret_v4[IP_ADDRESS_V4_LEN])
{
	for (int i = 0; i < IP_ADDRESS_V4_LEN; i++) {
		const bool is_last = i + 1 == IP_ADDRESS_V4_LEN;
		const struct slice part = is_last ? text : slice_cut(&text, '.');
		uint64_t octet;
		if (part.len > OCTET_DIGITS || (part.len > 1 && part.data[0] == '0') ||
			!ascii_number(part.data, part.len, UINT8_MAX, &octet)) {
			return false;
		}
		ret_v4[i] = (uint8_t)octet;
	}
	return true;
}

/* Cuts one group off. */
static bool read_group(struct slice *text, uint8_t ret_group[GROUP_LEN])
{
	unsigned value = 0;
	size_t digits = 0;
	while (digits < text->len && digits < GROUP_DIGITS &&
		ascii_hex_value(text->data[digits]) >= 0) {
		value = value << 4 | (unsigned)ascii_hex_value(text->data[digits]);
		digits++;
	}
	slice_drop(text, digits);
	ret_group[0] = (uint8_t)(value >> 8);
	ret_group[1] = (uint8_t)value;
	return digits > 0;
}

static bool has(struct slice text, char character)
{
	return text.len > 0 && memchr(text.data, character, text.len);
}

/* How far an IPv6 address has been read. */
struct v6_reading {
	uint8_t bytes[IP_ADDRESS_LEN];
	size_t len; /* bytes read */
	size_t gap; /* how many stand in front of `::`; with has_gap */
	bool has_gap;
};

/* Takes the colon, or two of them, in front of the next group. */
static bool take_colons(struct slice *text, struct v6_reading *reading)
{
	if (text->data[0] != ':') {
		return false;
	}
	slice_drop(text, 1);
	if (text->len > 0 && text->data[0] == ':') {
		slice_drop(text, 1);
		if (reading->has_gap) {
			return false;
		}
		reading->has_gap = true;
		reading->gap = reading->len;
		return true;
	}
	return reading->len > 0 && text->len > 0;
}

static bool take_group(struct slice *text, struct v6_reading *reading)
{
	if (has(*text, '.') && !has(*text, ':')) {
		if (reading->len > IP_ADDRESS_LEN - IP_ADDRESS_V4_LEN ||
			!read_v4(*text, reading->bytes + reading->len)) {
			return false;
		}
		reading->len += IP_ADDRESS_V4_LEN;
		slice_drop(text, text->len);
		return true;
	}
	if (reading->len == IP_ADDRESS_LEN || !read_group(text, reading->bytes + reading->len)) {
		return false;
	}
	reading->len += GROUP_LEN;
	return true;
}

/* Moves what stands behind `::` to the end. */
static bool fill_gap(struct v6_reading *reading)
{
	if (!reading->has_gap) {
		return reading->len == IP_ADDRESS_LEN;
	}
	const size_t behind = reading->len - reading->gap;
	if (reading->len == IP_ADDRESS_LEN) {
		return false;
	}
	memmove(reading->bytes + IP_ADDRESS_LEN - behind, reading->bytes + reading->gap, behind);
	memset(reading->bytes + reading->gap, 0, IP_ADDRESS_LEN - reading->len);
	return true;
}

static bool read_v6(struct slice text, struct ip_address *ret_address)
{
	struct v6_reading reading = {.len = 0};
	if (text.len > 0 && text.data[0] == ':' && !take_colons(&text, &reading)) {
		return false;
	}
	while (text.len > 0) {
		if (!take_group(&text, &reading) ||
			(text.len > 0 && !take_colons(&text, &reading))) {
			return false;
		}
	}
	if (!fill_gap(&reading)) {
		return false;
	}
	*ret_address = (struct ip_address){.port = 0};
	memcpy(ret_address->bytes, reading.bytes, IP_ADDRESS_LEN);
	return true;
}

bool ip_address_read(struct slice text, struct ip_address *ret_address)
{
	uint8_t v4[IP_ADDRESS_V4_LEN];
	if (has(text, ':')) {
		return read_v6(text, ret_address);
	}
	if (!read_v4(text, v4)) {
		return false;
	}
	*ret_address = ip_address_of_v4(v4);
	return true;
}

/* `text` is what stands behind an address. */
static bool read_port(struct slice text, uint16_t *ret_port)
{
	uint64_t port = 0;
	if (text.len == 0) {
		*ret_port = 0;
		return true;
	}
	if (text.data[0] != ':') {
		return false;
	}
	slice_drop(&text, 1);
	if ((text.len == 0 || text.data[0] != '_') &&
		!ascii_number(text.data, text.len, PORT_MAX, &port)) {
		return false;
	}
	*ret_port = (uint16_t)port;
	return true;
}

bool ip_address_read_endpoint(struct slice text, struct ip_address *ret_address)
{
	struct ip_address address;
	struct slice behind = text;
	struct slice host;
	bool is_read;
	if (text.len > 0 && text.data[0] == '[') {
		slice_drop(&behind, 1);
		if (!has(behind, ']')) {
			return false;
		}
		host = slice_cut(&behind, ']');
		is_read = read_v6(host, &address);
	} else {
		host = slice_cut(&behind, ':');
		if (has(behind, ':')) {
			host = text;
			behind.len = 0;
		} else {
			/* The colon belongs to what is behind. */
			behind = (struct slice){text.data + host.len, text.len - host.len};
		}
		is_read = ip_address_read(host, &address);
	}
	if (!is_read || !read_port(behind, &address.port)) {
		return false;
	}
	*ret_address = address;
	return true;
}
