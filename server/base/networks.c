#include "networks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../proto/ascii.h"

enum {
	V6_BITS = 128,
	V4_BITS = V6_BITS - IP_ADDRESS_V4_BITS,
	BYTE_BITS = 8,
};

static const char LOCAL[] = "unix";

/* --- bits --------------------------------------------------------------------------------------
 */

static uint8_t mask_of(unsigned bits)
{
	return (uint8_t)(0xff00u >> bits);
}

static bool shares_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	const unsigned whole = bits / BYTE_BITS;
	const uint8_t mask = mask_of(bits % BYTE_BITS);
	return memcmp(a, b, whole) == 0 && (mask == 0 || ((a[whole] ^ b[whole]) & mask) == 0);
}

static bool has_bits_behind(const uint8_t *address, unsigned bits)
{
	for (unsigned i = bits; i < V6_BITS; i++) {
		if (address[i / BYTE_BITS] & 0x80 >> i % BYTE_BITS) {
			return true;
		}
	}
	return false;
}

/* --- texts -------------------------------------------------------------------------------------
 */

static int parse(const char *text, struct network *ret_network)
{
	struct network network = {.is_local = strcmp(text, LOCAL) == 0};
	struct slice rest = slice_of(text);
	const bool has_prefix = strchr(text, '/') != NULL;
	const struct slice host = slice_cut(&rest, '/');
	struct ip_address address;
	if (network.is_local) {
		*ret_network = network;
		return 0;
	}
	if (!ip_address_read(host, &address)) {
		return -EINVAL;
	}
	/* As it is written: `::ffff:0:0/96` is IPv4, too, by its other name. */
	const bool is_v4 = memchr(host.data, ':', host.len) == NULL;
	uint64_t bits = is_v4 ? V4_BITS : V6_BITS;
	if (has_prefix && !ascii_number(rest.data, rest.len, bits, &bits)) {
		return -EINVAL;
	}
	memcpy(network.address, address.bytes, sizeof(network.address));
	network.bits = (uint8_t)(bits + (is_v4 ? IP_ADDRESS_V4_BITS : 0));
	if (has_bits_behind(network.address, network.bits)) {
		return -EDOM;
	}
	*ret_network = network;
	return 0;
}

static bool is_same(const struct network *a, const struct network *b)
{
	return a->is_local == b->is_local && a->bits == b->bits &&
	       memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

int networks_add(struct networks *networks, const char *text)
{
	struct network network;
	int err = parse(text, &network);
	if (err) {
		return err;
	}
	for (uint32_t i = 0; i < networks->count; i++) {
		if (is_same(&networks->list[i], &network)) {
			return -EEXIST;
		}
	}
	if (networks->count == NETWORKS_MAX) {
		return -ENOSPC;
	}
	networks->list[networks->count++] = network;
	return 0;
}

void networks_write(const struct network *network, char ret_text[NETWORK_TEXT_MAX])
{
	char address[INET6_ADDRSTRLEN];
	const bool is_v4 =
		network->bits >= IP_ADDRESS_V4_BITS && ip_address_is_v4(network->address);
	const unsigned bits = network->bits - (is_v4 ? IP_ADDRESS_V4_BITS : 0u);
	if (network->is_local) {
		strcpy(ret_text, LOCAL);
		return;
	}
	inet_ntop(is_v4 ? AF_INET : AF_INET6, network->address + (is_v4 ? IP_ADDRESS_V4_AT : 0),
		address, sizeof(address));
	if (bits == (is_v4 ? V4_BITS : V6_BITS)) {
		strcpy(ret_text, address);
	} else {
		snprintf(ret_text, NETWORK_TEXT_MAX, "%s/%u", address, bits);
	}
}

/* --- members -----------------------------------------------------------------------------------
 */

bool networks_have(const struct networks *networks, const uint8_t address[IP_ADDRESS_LEN])
{
	for (uint32_t i = 0; i < networks->count; i++) {
		const struct network *network = &networks->list[i];
		const bool is_of_family =
			network->bits >= IP_ADDRESS_V4_BITS || !ip_address_is_v4(address);
		if (!network->is_local && is_of_family &&
			shares_prefix(network->address, address, network->bits)) {
			return true;
		}
	}
	return false;
}

bool networks_have_kind(const struct networks *networks, bool is_local)
{
	for (uint32_t i = 0; i < networks->count; i++) {
		if (networks->list[i].is_local == is_local) {
			return true;
		}
	}
	return false;
}

bool networks_have_remote(const struct networks *networks, const struct remote *remote)
{
	return remote->is_inet ? networks_have(networks, remote->address)
			       : networks_have_kind(networks, true);
}
