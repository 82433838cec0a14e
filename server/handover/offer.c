#include "offer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../node/listener_adopt.h"
#include "../node/registrar_pack.h"
#include "setup.h"
#include "test_stop.h"

/* Whose sockets a message of LISTENERS is of. */
enum whose {
	WHOSE_CLIENTS,
	WHOSE_ADMIN,
	WHOSE_KINDS,
};

/* --- of the giver ------------------------------------------------------------------------------
 */

static int send_hello(struct channel *channel, const struct offer_means *means)
{
	struct pack pack = PACK_EMPTY;
	handover_hello_pack(means->hello, &pack);
	size_t part = pack_part_begin(&pack);
	setup_pack(means->config, &pack);
	pack_part_end(&pack, part);
	part = pack_part_begin(&pack);
	registrar_hello_pack(means->registrar, means->config, means->cluster_key, &pack);
	pack_part_end(&pack, part);
	int err = channel_send(channel, HANDOVER_HELLO, &pack, NULL, 0);
	pack_finish(&pack);
	return err;
}

/* As many of the list as one message takes, from `first` on. */
static int send_some(struct channel *channel, enum whose whose, const struct inherited *list,
	size_t first, size_t count, bool is_last)
{
	int fds[CHANNEL_FDS_MAX];
	struct pack pack = PACK_EMPTY;
	for (size_t i = 0; i < count; i++) {
		fds[i] = list->sockets[first + i].fd;
	}
	pack_u8(&pack, (uint8_t)whose);
	pack_u8(&pack, is_last);
	inherited_pack(list, first, count, &pack);
	int err = channel_send(channel, HANDOVER_LISTENERS, &pack, fds, count);
	pack_finish(&pack);
	return err;
}

static int send_list(struct channel *channel, enum whose whose, const struct inherited *list)
{
	size_t sent = 0;
	int err = 0;
	do {
		const size_t left = list->count - sent;
		const size_t count = left < CHANNEL_FDS_MAX ? left : CHANNEL_FDS_MAX;
		err = send_some(
			channel, whose, list, sent, count, whose == WHOSE_ADMIN && count == left);
		sent += count;
	} while (!err && sent < list->count);
	return err;
}

static int send_listeners(
	struct channel *channel, enum whose whose, const struct listeners *listeners)
{
	struct inherited list = INHERITED_EMPTY;
	int err = listeners ? listeners_list(listeners, &list) : 0;
	if (!err) {
		err = send_list(channel, whose, &list);
	}
	inherited_free(&list);
	return err;
}

int offer_send(struct channel *channel, const struct offer_means *means)
{
	int err = send_hello(channel, means);
	if (!err) {
		err = send_listeners(channel, WHOSE_CLIENTS, means->listeners);
	}
	return err ? err : send_listeners(channel, WHOSE_ADMIN, means->admin_listeners);
}

/* --- of the taker ------------------------------------------------------------------------------
 */

static void keep_part(struct unpack *unpack, struct pack *ret_part)
{
	const struct unpack part = unpack_part(unpack);
	pack_bytes(ret_part, part.at, unpack_left(&part));
}

static int read_hello(struct offer *offer, struct unpack *body)
{
	int err = handover_hello_unpack(body, &offer->hello);
	if (err) {
		return err;
	}
	snprintf(offer->version, sizeof(offer->version), "%.*s",
		(int)(offer->hello.binary.len < HANDOVER_TEXT_MAX ? offer->hello.binary.len : 0),
		offer->hello.binary.data ? offer->hello.binary.data : "");
	offer->hello.binary = slice_of(offer->version);
	if (offer->hello.version != HANDOVER_VERSION) {
		return -EPROTO;
	}
	keep_part(body, &offer->options);
	keep_part(body, &offer->registrar);
	if (offer->options.failed || offer->registrar.failed) {
		return -ENOMEM;
	}
	return unpack_is_over(body) ? 0 : -EINVAL;
}

/* Returns 1 when more are to come. */
static int read_listeners(struct offer *offer, struct channel *channel, struct unpack *body)
{
	int fds[CHANNEL_FDS_MAX];
	const uint32_t count = channel->message.fd_count;
	const uint8_t whose = unpack_below(body, WHOSE_KINDS);
	const bool is_last = unpack_bool(body);
	for (uint32_t i = 0; i < count; i++) {
		fds[i] = channel_take_fd(channel, i);
	}
	int err =
		inherited_unpack(whose == WHOSE_ADMIN ? &offer->admin_listeners : &offer->listeners,
			body, fds, count);
	if (!err && !unpack_is_over(body)) {
		err = -EINVAL;
	}
	return err ? err : !is_last;
}

static int receive(struct channel *channel, enum handover_message kind)
{
	int err = channel_receive(channel);
	return !err && channel->message.kind != kind ? -EBADMSG : err;
}

int offer_receive(struct channel *channel, struct offer *offer)
{
	int more = receive(channel, HANDOVER_HELLO);
	if (!more) {
		struct unpack body = channel_body(channel);
		more = read_hello(offer, &body);
		handover_test_stop("taker-hello");
	}
	if (more) {
		return more;
	}
	do {
		more = receive(channel, HANDOVER_LISTENERS);
		if (!more) {
			struct unpack body = channel_body(channel);
			more = read_listeners(offer, channel, &body);
		}
	} while (more > 0);
	return more;
}

void offer_finish(struct offer *offer)
{
	pack_finish(&offer->options);
	pack_finish(&offer->registrar);
	inherited_close(&offer->listeners);
	inherited_close(&offer->admin_listeners);
}
