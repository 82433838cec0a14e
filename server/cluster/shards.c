#include "shards.h"

#include <errno.h>

#include "codec_directory.h"

static enum directory_kind own_kind(uint8_t kind)
{
	return kind == CODEC_USERS ? DIRECTORY_USERS : DIRECTORY_ROOMS;
}

/* Whether one more answer is given in this turn: nobody takes the place of all. */
static bool admits(struct shards *shards, struct peer *peer)
{
	if (peer->shards_turn != shards->turn) {
		peer->shards_turn = shards->turn;
		peer->shards_asks = 0;
	}
	return shards->left > 0 && peer->shards_asks++ < SHARDS_PEER_ASKS;
}

static void send(struct shards *shards, struct peer *peer, struct codec_writer *writer)
{
	const size_t len = (size_t)(writer->at - writer->begin) + CODEC_MAC_LEN;
	shards->left = shards->left > len ? shards->left - len : 0;
	/* Who gets nothing asks again. */
	(void)sender_to_node(shards->sender, &peer->line, writer);
}

int shards_on_digests_ask(
	struct shards *shards, struct peer *peer, const struct codec_message *message)
{
	struct codec_ask ask;
	const int err = codec_read_digests_ask(message, &ask);
	if (err < 0) {
		return err;
	}
	const uint64_t *digests =
		directory_digests(shards->directory, DIRECTORY_SELF, own_kind(ask.kind));
	for (uint32_t first = 0; admits(shards, peer) && first < DIRECTORY_SHARDS;) {
		struct codec_writer writer;
		uint16_t count = 0;
		sender_begin(shards->sender, &writer, CODEC_DIGESTS, NULL);
		if (codec_put_digests(&writer, ask.ask, ask.kind, (uint8_t)first, digests, &count) <
			0) {
			break;
		}
		send(shards, peer, &writer);
		first += count;
	}
	return 0;
}

struct page {
	struct codec_writer writer;
	bool is_cut; /* there is more than fits */
};

static void put_entry(void *context, const struct directory_entry *entry)
{
	struct page *page = context;
	const struct codec_entry wire = {
		.key = entry->key,
		.value = entry->value,
		.device = entry->device,
		.is_watched = entry->is_watched,
	};
	page->is_cut |= codec_put_entry(&page->writer, &wire) < 0;
}

int shards_on_shard_ask(
	struct shards *shards, struct peer *peer, const struct codec_message *message)
{
	struct codec_ask ask;
	const int err = codec_read_shard_ask(message, &ask);
	if (err < 0) {
		return err;
	}
	if (!admits(shards, peer)) {
		return 0;
	}
	struct page page = {.is_cut = false};
	sender_begin(shards->sender, &page.writer, CODEC_SHARD, NULL);
	/* Keys that share 32 bits are of one page: half of it is kept for them. */
	const uint32_t most = codec_entries_that_fit(&page.writer) / 2;
	const struct codec_shard shard = {
		.ask = ask.ask, .kind = ask.kind, .first = ask.first, .last = ask.first};
	if (codec_put_shard(&page.writer, &shard) < 0) {
		return 0;
	}
	const struct directory_range range = directory_page(
		shards->directory, own_kind(ask.kind), ask.first, most, put_entry, &page);
	if (!page.is_cut) {
		codec_set_last(&page.writer, range.last);
		send(shards, peer, &page.writer);
	}
	return 0;
}
