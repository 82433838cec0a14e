/* What a taker reads: messages that a giver has written, some of whose bytes are altered, or
 * anything at all. Whatever it is, it is taken in or it is not; what was taken in goes on for some
 * turns; and when all lines have gone nothing is left of them.
 *
 * The input: how it ends, then either which of the giver's messages is altered and how, or
 * messages. The workers stay: that is many times as fast as new ones. */
#include <assert.h>

#include "../../server/conn/tls_worker.h"
#include "../../server/conn/transport_tls.h"
#include "../unit/snapshot_rig.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum {
	GIVER_WORKERS = 2,
	TAKER_WORKERS = 3,
	MESSAGES_MAX = 16,
	FDS_MAX = 16, /* of a message */
	SLOW_BUFFER = 4096,
	LONG = 10000,                               /* bytes of a text that is queued */
	DEADLINE_TICKS = 200 * 1000 / LOOP_TICK_MS, /* more than any deadline */
};

/* What the input says of the end. */
enum {
	IS_RAW = 1 << 0,
	IS_SERVED = 1 << 1, /* for some turns */
	IS_LATE = 1 << 2,   /* the clients stay until deadlines end them */
};

struct kept_message {
	enum handover_message kind;
	uint32_t fd_count;
	struct pack body;
};

struct input {
	const uint8_t *at;
	size_t left;
};

static struct snapshot_rig rig;
static struct kept_message kept[MESSAGES_MAX];
static uint32_t kept_count;
static int ends[MESSAGES_MAX * FDS_MAX]; /* the clients' */
static uint32_t end_count;

static uint8_t take(struct input *input)
{
	return input->left > 0 ? (input->left--, *input->at++) : 0;
}

static uint16_t take_u16(struct input *input)
{
	uint16_t high = take(input);
	return (uint16_t)(high << 8 | take(input));
}

/* --- a giver's messages ------------------------------------------------------------------------
 */

static void make_slow_ones(void)
{
	static char text[LONG + 1];
	struct client *talker = rig_login(&rig.giver, 0, "talker");
	memset(text, 'x', LONG);
	for (uint32_t i = 0; i < 2; i++) {
		rig_login_with(&rig.giver, i, i ? "s1" : "s0", SLOW_BUFFER)->deaf = true;
	}
	client_text(talker, text);
	client_text(talker, "short");
	rig_run(&rig.giver);
}

/* Open lines of each suite, with half a record each, whose clients have nothing to seal with. */
static void make_sealed_ones(void)
{
	static const uint8_t half[] = {0x17, 3, 3, 0, 64, 1, 2, 3, 4, 5};
	static const enum tls_suite suites[] = {
		TLS_SUITE_AES_128_GCM, TLS_SUITE_AES_256_GCM, TLS_SUITE_CHACHA20_POLY1305};
	const struct tls_means none = {.quota = NULL};
	struct conns *conns = rig_conns(&rig.giver, 0);
	assert(tls_worker_create(conns, &none, &transport_tls_ops, &conns->tls) == 0);
	for (uint32_t i = 0; i < 3; i++) {
		const struct tls_secrets secrets = {
			.suite = suites[i], .fragment_len = 16384, .read = "in", .write = "out"};
		struct client *client = rig_connect(&rig.giver, 0, 0, false);
		assert(transport_tls_open(conns, client_conn(&rig.giver, client), &secrets) == 0);
		client_write(client, half, sizeof(half));
	}
}

/* Some of everything that a line may have. */
static void make_lines(void)
{
	uint8_t frame[600];
	char request[512];
	size_t len;
	make_slow_ones();
	make_sealed_ones();
	v1_join(&rig.giver, v1_login_device(&rig.giver, 0, "a", "one"), "lobby", 1);
	struct client *told = v1_login_device(&rig.giver, 1, "a", "two");
	v1_join(&rig.giver, told, "hall", 1);
	v1_join_as(&rig.giver, told, 1, "lobby", 1);
	len = make_frame(frame, FRAME_BINARY, request, 300);
	client_write(rig_login(&rig.giver, 1, "half"), frame, len - 7);
	frame[0] &= 0x7f;
	client_write(rig_login(&rig.giver, 1, "pieces"), frame, len);
	rig_connect(&rig.giver, 0, 0, false);
	len = make_request("/?user=b", request);
	client_write(rig_connect(&rig.giver, 1, 0, false), request, len - 2);
	rig_run(&rig.giver);
}

/* The taker's ACKs are there before they are due. */
static void send_messages(void)
{
	const struct snapshot_parts parts = parts_of(&rig.giver);
	for (uint32_t i = 0; i < MESSAGES_MAX; i++) {
		answer(&rig, HANDOVER_ACK);
	}
	assert(snapshot_begin(&parts, &rig.snapshot) == 0);
	assert(send_all(&rig) == 0);
	snapshot_finish(&rig.snapshot);
}

static void keep_messages(void)
{
	do {
		struct kept_message *message = &kept[kept_count++];
		assert(channel_receive(&rig.to_giver) == 0);
		const struct channel_message *from = &rig.to_giver.message;
		*message = (struct kept_message){.kind = from->kind, .fd_count = from->fd_count};
		pack_bytes(&message->body, from->body.bytes, from->body.len);
		assert(message->fd_count <= FDS_MAX && !message->body.failed);
	} while (kept[kept_count - 1].kind != HANDOVER_END);
}

/* --- what the taker gets -----------------------------------------------------------------------
 */

static void make_sockets(int *ret_fds, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		int fds[2];
		const int size = SLOW_BUFFER;
		assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) ==
			0);
		setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		ret_fds[i] = fds[0];
		ends[end_count++] = fds[1];
	}
}

/* Its bytes lie in memory of their own, so that nothing behind them is read. */
static int give(enum handover_message kind, const uint8_t *bytes, size_t len, uint32_t fd_count)
{
	int fds[FDS_MAX];
	uint8_t *own = malloc(len);
	assert(own || len == 0);
	if (len > 0) {
		memcpy(own, bytes, len);
	}
	struct unpack body = unpack_of(own, len);
	make_sockets(fds, fd_count);
	int err = snapshot_take_message(&rig.taking, kind, &body, fds, fd_count);
	assert((err == 0) == (rig.taking.why[0] == '\0'));
	for (uint32_t i = 0; i < fd_count; i++) {
		if (fds[i] >= 0) {
			close(fds[i]);
		}
	}
	free(own);
	return err;
}

/* A message, of which some bytes are others, or that ends early. */
static int give_altered(const struct kept_message *message, struct input *input)
{
	size_t len = message->body.len;
	uint8_t *bytes = malloc(len + 1);
	uint8_t how = take(input);
	assert(bytes);
	memcpy(bytes, message->body.bytes, len);
	if (how & 1) {
		len = take_u16(input) % (len + 1);
	}
	while (input->left > 0 && len > 0) {
		uint16_t at = take_u16(input);
		bytes[at % len] ^= take(input);
	}
	int err = give(message->kind, bytes, len, message->fd_count);
	free(bytes);
	return err;
}

/* One of them is altered; without an input all is taken as it came. */
static void give_all(struct input *input)
{
	const bool is_altered = input->left > 0;
	const uint32_t which = is_altered ? take(input) % kept_count : MESSAGES_MAX;
	int err = 0;
	for (uint32_t i = 0; i < kept_count && !err; i++) {
		err = i == which ? give_altered(&kept[i], input)
				 : give(kept[i].kind, kept[i].body.bytes, kept[i].body.len,
					   kept[i].fd_count);
	}
	assert(is_altered || (!err && rig.taking.has_all));
}

static void give_anything(struct input *input)
{
	int err = 0;
	for (uint32_t i = 0; i < MESSAGES_MAX && input->left > 0 && !err; i++) {
		enum handover_message kind = take(input) % HANDOVER_MESSAGES;
		uint32_t fd_count = take(input) % FDS_MAX;
		size_t len = take_u16(input);
		len = len < input->left ? len : input->left;
		const uint8_t *bytes = input->at;
		input->at += len;
		input->left -= len;
		err = give(kind, bytes, len, fd_count);
	}
}

/* --- what comes of it --------------------------------------------------------------------------
 */

static void close_ends(void)
{
	for (uint32_t i = 0; i < end_count; i++) {
		close(ends[i]);
	}
	end_count = 0;
}

static void serve(uint8_t how)
{
	snapshot_rig_start_taker(&rig);
	rig_run(&rig.taker);
	if (how & IS_LATE) {
		rig_pass(&rig.taker, DEADLINE_TICKS);
		rig_run(&rig.taker);
	}
	close_ends();
	rig_run(&rig.taker);
}

static void expect_nothing_left(void)
{
	for (uint32_t i = 0; i < TAKER_WORKERS; i++) {
		const struct serving *serving = &rig.taker.workers[i];
		assert(stats_read(&serving->stats.sessions) == 0);
		assert(stats_read(&serving->stats.memberships) == 0);
		assert(stats_read(&serving->stats.connections) == 0);
		assert(stats_read(&serving->stats.tls_lines_aes_128) == 0);
		assert(stats_read(&serving->stats.tls_lines_aes_256) == 0);
		assert(stats_read(&serving->stats.tls_lines_chacha20) == 0);
		assert(serving->load == 0);
	}
	assert(rig.taker.node.places.taken == 0 && rig.taker.node.places.refusals == 0);
	assert(user_table_count(rig.taker.node.users) == 0);
	assert(rooms_count(rig.taker.node.fanout.rooms) == 0);
	assert(budget_used(&rig.taker.node.budget) == 0);
	assert(rig.taker.node.fanout.backlog == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	snapshot_rig_init(&rig, GIVER_WORKERS, TAKER_WORKERS);
	make_lines();
	send_messages();
	keep_messages();
	rig_finish(&rig.giver);
	user_table_thread_begin();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input input = {data, len};
	const uint8_t how = take(&input);
	const struct snapshot_parts parts = parts_of(&rig.taker);
	assert(snapshot_taking_begin(&rig.taking, &parts) == 0);
	if (how & IS_RAW) {
		give_anything(&input);
	} else {
		give_all(&input);
	}
	bool is_whole = rig.taking.has_all;
	snapshot_taking_finish(&rig.taking);
	if (is_whole && how & IS_SERVED) {
		serve(how);
	}
	close_ends();
	snapshot_rig_give_up(&rig);
	rig_run(&rig.taker);
	expect_nothing_left();
	return 0;
}
