#include "sealed_texts.h"

#include <sys/ioctl.h>

static uint64_t ends(struct tls_rig *rig, enum close_reason reason)
{
	return rig_ends(&rig->rig, reason);
}

/* --- bytes both ways ---------------------------------------------------------------------------
 */

/* A login, texts of all sizes both ways, a heartbeat and a Close. */
static void chat_over(const struct tls_sort *sort)
{
	static const size_t sizes[] = {0, 1, 125, 126, 511, 4096, 16370, 16384, 16385, 50000};
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_connect(rig, 0, sort);
	struct client *other = rig_login(&rig->rig, 0, "other");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *text = text_of(sizes[i]);
		client_text(tls->client, text);
		client_packet(tls->client, PACKET_PING, "beat", 4);
		tls_rig_run(rig);
		expect_said(other, text, "sealed");
		expect_frame(tls->client, FRAME_BINARY, "\0\x65\0\0\0\4beat", 10);
		client_text(other, text);
		tls_rig_run(rig);
		expect_said(tls->client, text, "other");
		free(text);
	}
	client_send(tls->client, FRAME_CLOSE, "\x03\xe8", 2);
	tls_rig_run(rig);
	expect_close(tls->client, 1000, "");
	expect_nothing(tls->client);
	assert_int_equal(tls->error, 0);
	assert_true(tls->has_farewell);
	assert_null(tls_conn(rig, tls));
	assert_int_equal(ends(rig, CLOSE_REASON_PEER_CLOSE), 1);
	tls_rig_finish(rig);
}

static void test_every_suite(void **state)
{
	static const char *const suites[] = {
		"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"};
	for (size_t i = 0; i < 3; i++) {
		struct tls_sort sort = USUAL;
		sort.suite = suites[i];
		chat_over(&sort);
	}
}

static void test_records_in_any_pieces(void **state)
{
	static const size_t pieces[] = {1, 4, 21, 1000, 16406};
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct tls_sort sort = USUAL;
		sort.piece_most = pieces[i];
		chat_over(&sort);
	}
}

static void test_short_records_where_they_are_wanted(void **state)
{
	for (uint8_t fragment = TLSEXT_max_fragment_length_512;
		fragment <= TLSEXT_max_fragment_length_4096; fragment++) {
		struct tls_sort sort = USUAL;
		sort.fragment = fragment;
		chat_over(&sort);
		struct tls_rig *rig = tls_rig_start(1);
		struct tls_client *tls = tls_connect(rig, 0, &sort);
		struct client *other = rig_login(&rig->rig, 0, "other");
		char *text = text_of(20000);
		client_text(other, text);
		tls_rig_run(rig);
		assert_int_equal(tls->record_max, 256 << fragment);
		free(text);
		tls_rig_finish(rig);
	}
}

/* As long as the socket takes everything a record is as long as it may be. */
static void test_long_records(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_connect(rig, 0, &USUAL);
	struct client *other = rig_login(&rig->rig, 0, "other");
	char *text = text_of(60000);
	client_text(other, text);
	tls_rig_run(rig);
	assert_int_equal(tls->record_max, 16384);
	free(text);
	tls_rig_finish(rig);
}

/* What is read at once may be less than one record: it is given whole all the same. */
static void test_reads_shorter_than_a_record(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_connect(rig, 0, &USUAL);
	struct client *other = rig_login(&rig->rig, 0, "other");
	reader_limit(rig_conns(&rig->rig, 0), 100);
	char *text = text_of(40000);
	client_text(tls->client, text);
	tls_rig_run(rig);
	expect_said(other, text, "sealed");
	free(text);
	tls_rig_finish(rig);
}

/* A read that was full of records of a byte each, some of them behind a KeyUpdate, has taken long:
 * the next one is short. */
static void test_records_that_hold_next_to_nothing(void **state)
{
	static const int update_each[] = {0, 20};
	for (size_t i = 0; i < 2; i++) {
		struct tls_rig *rig = tls_rig_start(1);
		struct tls_client *tls = tls_connect(rig, 0, &USUAL);
		struct client *other = rig_login(&rig->rig, 0, "other");
		char *text = text_of(update_each[i] ? 400 : 2000);
		uint8_t frame[2100];
		const size_t len = make_frame(frame, FRAME_TEXT, text, strlen(text));
		for (size_t at = 0; at < len; at++) {
			if (update_each[i] && at % (size_t)update_each[i] == 0) {
				assert_int_equal(
					SSL_key_update(tls->ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
			}
			assert_int_equal(SSL_write(tls->ssl, frame + at, 1), 1);
		}
		struct conn *conn = tls_conn(rig, tls);
		assert_true(tls_pump_out(tls));
		assert_int_equal(conn->read_shift, CONN_READ_SHIFT);
		rig_events(&rig->rig, 0);
		assert_true(conn->read_shift < CONN_READ_SHIFT);
		tls_rig_run(rig);
		expect_said(other, text, "sealed");
		free(text);
		tls_rig_finish(rig);
	}
}

/* KeyUpdates in one read, as many as it may have and one more, each with a byte of a text behind
 * it. */
static void test_a_flood_of_key_updates_with_data(void **state)
{
	static const int updates[] = {64, 65};
	for (size_t i = 0; i < 2; i++) {
		struct tls_rig *rig = tls_rig_start(1);
		struct tls_client *tls = tls_connect(rig, 0, &USUAL);
		struct client *other = rig_login(&rig->rig, 0, "other");
		char *text = text_of(100);
		uint8_t frame[200];
		const size_t len = make_frame(frame, FRAME_TEXT, text, strlen(text));
		for (size_t at = 0; at < len; at++) {
			if (at < (size_t)updates[i]) {
				assert_int_equal(
					SSL_key_update(tls->ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
			}
			assert_int_equal(SSL_write(tls->ssl, frame + at, 1), 1);
		}
		assert_true(tls_pump_out(tls));
		tls_rig_run(rig);
		if (updates[i] == 64) {
			expect_said(other, text, "sealed");
		} else {
			expect_nothing(other);
			assert_int_equal(ends(rig, CLOSE_REASON_TLS_RECORD), 1);
			assert_int_equal(tls->error, SSL_R_SSLV3_ALERT_UNEXPECTED_MESSAGE);
		}
		free(text);
		tls_rig_finish(rig);
	}
}

/* --- half a record -----------------------------------------------------------------------------
 */

/* It is the line's, noted as part of a message, and gone when the record is whole. */
static void test_half_a_record_is_held(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_connect(rig, 0, &USUAL);
	struct client *other = rig_login(&rig->rig, 0, "other");
	char *text = text_of(15000);
	client_text(tls->client, text);
	tls->piece_most = 9000;
	assert_true(tls_pump_out(tls));
	rig_run(&rig->rig);
	const struct tls_hold *hold = tls_line_of(tls_conn(rig, tls))->hold;
	assert_int_equal(tls_hold_half_len(hold), 9000);
	assert_true(rig_held_as(&rig->rig, BUDGET_MESSAGES) >= 9000);
	assert_true(rig_held_as(&rig->rig, BUDGET_MESSAGES) < 20000);
	expect_nothing(other);
	tls_rig_run(rig);
	expect_said(other, text, "sealed");
	assert_null(tls_line_of(tls_conn(rig, tls))->hold);
	assert_int_equal(rig_held(&rig->rig), 0);
	free(text);
	tls_rig_finish(rig);
}

/* No more than a little is held for a record of which little has come. */
static void test_a_header_alone_is_cheap(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_connect(rig, 0, &USUAL);
	assert_int_equal(send(tls->wire, "\x17\x03\x03\x41\x00", 5, 0), 5);
	rig_run(&rig->rig);
	assert_true(rig_held(&rig->rig) > 0);
	assert_true(rig_held(&rig->rig) < 1024);
	tls_rig_finish(rig);
}

/* Nor more than a record has, when nearly all of it has come. */
static void test_nearly_a_record_is_no_more_than_one(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_connect(rig, 0, &USUAL);
	struct tls_carry *down = tls->down;
	memset(down->bytes, 0, 16600);
	memcpy(down->bytes, "\x17\x03\x03\x41\x00", 5);
	down->len = 16600;
	tls->piece_most = 1000;
	tls_rig_run(rig);
	assert_int_equal(tls_hold_half_len(tls_line_of(tls_conn(rig, tls))->hold), 16600);
	assert_true(rig_held(&rig->rig) < 21000);
	tls_rig_finish(rig);
}

/* --- a line that is stalled --------------------------------------------------------------------
 */

static void test_a_slow_reader_gets_everything_in_order(void **state)
{
	static const size_t sizes[] = {10, 700, 5000, 30000};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct tls_rig *rig = tls_rig_start(1);
		struct tls_client *tls = tls_connect(rig, 0, &NARROW);
		struct client *other = rig_login(&rig->rig, 0, "other");
		tls->is_deaf = true;
		/* Less than what makes others wait for it. */
		const int said = sizes[i] > 1000 ? (int)(200000 / sizes[i]) : 200;
		say_many(rig, other, 0, said, sizes[i]);
		tls_rig_run(rig);
		assert_int_equal(tls_conn(rig, tls)->state, CONN_LIVE);
		assert_non_null(tls_conn(rig, tls)->tx);
		tls->is_deaf = false;
		tls_rig_run(rig);
		assert_null(tls_conn(rig, tls)->tx);
		assert_int_equal(tls->error, 0);
		expect_many(tls->client, said, sizes[i], "other");
		assert_int_equal(rig_held(&rig->rig), 0);
		tls_rig_finish(rig);
	}
}

/* Once it is stalled, its records are short: what a line owns of one is little. */
static void test_short_records_on_a_stalled_line(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_connect(rig, 0, &NARROW);
	struct client *other = rig_login(&rig->rig, 0, "other");
	const struct conn *conn = tls_conn(rig, tls);
	tls->is_deaf = true;
	say_many(rig, other, 0, 6, 30000);
	tls_rig_run(rig);
	assert_true(tls_hold_residue_len(tls_line_of(conn)->hold) > 4096 + TLS_OVERHEAD);
	assert_true(tls_hold_residue_len(tls_line_of(conn)->hold) < 16384 + TLS_OVERHEAD);
	const size_t before = tls->records;
	while (conn->tx->bytes > 50000) {
		assert_true(tls_take(tls, 512) > 0);
		rig_run(&rig->rig);
		if (tls->records == before) {
			tls->record_max = 0; /* the long one is on its way */
		} else {
			assert_true(tls_hold_residue_len(tls_line_of(conn)->hold) <=
				    4096 + TLS_OVERHEAD);
		}
	}
	tls->is_deaf = false;
	tls_rig_run(rig);
	assert_int_equal(tls->record_max, 4096);
	expect_many(tls->client, 6, 30000, "other");
	tls_rig_finish(rig);
}

/* A thousand who do not read hold the rest of one record each, not copies of what they are sent. */
static void test_many_stalled_receivers_share_what_they_wait_for(void **state)
{
	enum {
		RECEIVERS = 1000
	};
	struct tls_rig *rig = tls_rig_start(1);
	struct client *other = rig_login(&rig->rig, 0, "other");
	const struct tls_sort shy = {.send_buffer = NARROW.send_buffer};
	char target[32];
	for (int i = 0; i < RECEIVERS; i++) {
		snprintf(target, sizeof(target), "/?user=r%d", i);
		client_request(tls_connect(rig, 0, &shy)->client, target);
	}
	tls_rig_run(rig);
	for (int i = 0; i < RECEIVERS; i++) {
		assert_int_equal(client_status(rig->clients[i].client), 101);
		rig->clients[i].is_deaf = true;
	}
	say_many(rig, other, 0, 1, 60000);
	tls_rig_run(rig);
	size_t residues = 0;
	for (int i = 0; i < RECEIVERS; i++) {
		residues +=
			tls_hold_residue_len(tls_line_of(tls_conn(rig, &rig->clients[i]))->hold);
	}
	assert_true(residues > 0);
	assert_true(residues <= (size_t)RECEIVERS * (16384 + TLS_OVERHEAD));
	assert_true(rig_held_as(&rig->rig, BUDGET_QUEUES) >= residues);
	/* 60 KB are owed to each. */
	assert_true(rig_held_as(&rig->rig, BUDGET_QUEUES) < (size_t)RECEIVERS * 20000);
	for (int i = 0; i < RECEIVERS; i++) {
		rig->clients[i].is_deaf = false;
	}
	tls_rig_run(rig);
	for (int i = 0; i < RECEIVERS; i++) {
		expect_many(rig->clients[i].client, 1, 60000, "other");
	}
	assert_int_equal(rig_held_as(&rig->rig, BUDGET_QUEUES), 0);
	tls_rig_finish(rig);
}

/* Who takes something now and then is not cut off, who takes nothing is. */
static void test_progress(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_connect(rig, 0, &NARROW);
	struct client *other = rig_login(&rig->rig, 0, "other");
	const uint32_t write = rig_conns(&rig->rig, 0)->limits.deadlines.write;
	tls->is_deaf = true;
	say_many(rig, other, 0, 3, 30000);
	tls_rig_run(rig);
	const struct conn *conn = tls_conn(rig, tls);
	for (uint32_t passed = 0; passed < 3 * write; passed += 4) {
		assert_int_equal(tls_take(tls, 2000), 2000);
		rig_pass(&rig->rig, 4);
		rig_run(&rig->rig);
		assert_int_equal(conn->state, CONN_LIVE);
	}
	rig_pass(&rig->rig, write + 8);
	rig_run(&rig->rig);
	assert_int_equal(conn->state, CONN_CLOSING);
	assert_int_equal(ends(rig, CLOSE_REASON_WRITE_TIMEOUT), 1);
	tls_rig_finish(rig);
}

/* --- KeyUpdates --------------------------------------------------------------------------------
 */

static void test_key_updates_under_load(void **state)
{
	static const int kinds[] = {SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED};
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_connect(rig, 0, &NARROW);
	struct client *other = rig_login(&rig->rig, 0, "other");
	char text[4000];
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	for (int round = 0; round < 100; round++) {
		tls->is_deaf = round % 10 < 5;
		say_many(rig, other, round, 1, 6000);
		assert_int_equal(SSL_key_update(tls->ssl, kinds[round % 2]), 1);
		client_text(tls->client, text);
		tls_rig_run(rig);
		expect_said(other, text, "sealed");
	}
	tls->is_deaf = false;
	tls_rig_run(rig);
	assert_int_equal(tls->error, 0);
	expect_many(tls->client, 100, 6000, "other");
	tls_rig_finish(rig);
}

/* Asked for a new key, and nothing else to say: it comes all the same, at once. */
static void test_a_key_update_is_answered_at_once(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_connect(rig, 0, &USUAL);
	assert_int_equal(SSL_key_update(tls->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
	assert_int_equal(SSL_do_handshake(tls->ssl), 1);
	const size_t before = BIO_number_read(SSL_get_rbio(tls->ssl));
	tls_rig_run(rig);
	assert_int_equal(BIO_number_read(SSL_get_rbio(tls->ssl)) - before, 27);
	assert_null(tls_conn(rig, tls)->tx);
	tls_rig_finish(rig);
}

/* A new key of ours, for which a peer is asked too; what follows is sealed with it. */
static void test_our_own_key_update(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_connect(rig, 0, &USUAL);
	struct client *other = rig_login(&rig->rig, 0, "other");
	struct tls_line *line = tls_line_of(tls_conn(rig, tls));
	line->flags |= TLS_LINE_ASKS;
	client_text(other, "with a new key");
	client_text(other, "and once more");
	tls_rig_run(rig);
	expect_text(tls->client, "with a new key -- FROM other");
	expect_text(tls->client, "and once more -- FROM other");
	client_text(tls->client, "likewise");
	tls_rig_run(rig);
	expect_text(other, "likewise -- FROM sealed");
	assert_int_equal(line->flags, 0);
	assert_int_equal(tls->error, 0);
	tls_rig_finish(rig);
}

/* It waits behind the rest of a record, and stalls the line as long as that. */
static void test_an_owed_record_waits_for_the_residue(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_connect(rig, 0, &NARROW);
	struct client *other = rig_login(&rig->rig, 0, "other");
	tls->is_deaf = true;
	say_many(rig, other, 0, 1, 30000);
	tls_rig_run(rig);
	assert_int_equal(SSL_key_update(tls->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
	assert_int_equal(SSL_do_handshake(tls->ssl), 1);
	tls_rig_run(rig);
	assert_true(tls_line_owes(tls_line_of(tls_conn(rig, tls))));
	assert_true(transport_is_pending(tls_conn(rig, tls)));
	tls->is_deaf = false;
	tls_rig_run(rig);
	assert_false(tls_line_owes(tls_line_of(tls_conn(rig, tls))));
	assert_null(tls_conn(rig, tls)->tx);
	expect_many(tls->client, 1, 30000, "other");
	tls_rig_finish(rig);
}

/* --- stalled before it is in -------------------------------------------------------------------
 */

/* Answers to its KeyUpdates fill the socket of one who has not asked for anything yet. */
static struct tls_client *stall_by_answers(struct tls_rig *rig)
{
	const struct tls_sort sort = {.send_buffer = 4096};
	struct tls_client *tls = tls_connect(rig, 0, &sort);
	tls->is_deaf = true;
	for (int i = 0; !tls_conn(rig, tls)->tx; i++) {
		assert_true(i < TLS_LINE_QUIET_MAX);
		assert_int_equal(SSL_key_update(tls->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(tls->ssl), 1);
		tls_rig_run(rig);
	}
	return tls;
}

/* The answer to a request is one piece that is no frame, where it is queued as where it is sent. */
static void test_a_request_of_who_is_stalled(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct client *other = rig_login(&rig->rig, 0, "other");
	struct tls_client *tls = stall_by_answers(rig);
	client_request(tls->client, "/?user=sealed");
	client_send(tls->client, FRAME_PING, "urgent", 6);
	tls_rig_run(rig);
	assert_int_equal(tls_conn(rig, tls)->state, CONN_LIVE);
	say_many(rig, other, 0, 6, 5000);
	tls->is_deaf = false;
	tls_rig_run(rig);
	assert_int_equal(client_status(tls->client), 101);
	expect_frame(tls->client, FRAME_PONG, "urgent", 6);
	expect_many(tls->client, 6, 5000, "other");
	assert_int_equal(tls->error, 0);
	tls_rig_finish(rig);
}

/* What comes behind it ends with a whole frame, though it has gone through the same queue. */
static void test_an_end_of_who_was_stalled(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct client *other = rig_login(&rig->rig, 0, "other");
	struct tls_client *tls = stall_by_answers(rig);
	struct conns *conns = rig_conns(&rig->rig, 0);
	struct conn *conn = tls_conn(rig, tls);
	client_request(tls->client, "/?user=sealed");
	tls_rig_run(rig);
	say_many(rig, other, 0, 6, 5000);
	while (conn->tx->sent < 3000) {
		assert_true(tls_take(tls, 4096) > 0);
		rig_run(&rig->rig);
		assert_non_null(conn->tx);
	}
	/* The answer is shorter than a text with its header. */
	const int begun = (int)(conn->tx->sent / (4 + 5000 + sizeof(" -- FROM other") - 1)) + 1;
	assert_true(begun < 6);
	conn_visit_begin(conns, conn);
	conn_close(conns, conn, CLOSE_REASON_DRAIN, 5);
	conn_visit_end(conns, conn);
	tls->is_deaf = false;
	tls_rig_run(rig);
	assert_int_equal(client_status(tls->client), 101);
	expect_many(tls->client, begun, 5000, "other");
	expect_close(tls->client, 1012, "retry_ms=5");
	tls_rig_finish(rig);
}

static void test_a_refusal_of_who_is_stalled(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = stall_by_answers(rig);
	client_write(tls->client, "POST / HTTP/1.1\r\nHost: here\r\n\r\n", 31);
	tls_rig_run(rig);
	tls->is_deaf = false;
	tls_rig_run(rig);
	assert_int_equal(client_status(tls->client), 405);
	assert_true(tls->has_farewell);
	tls_rig_finish(rig);
}

/* --- ends --------------------------------------------------------------------------------------
 */

static void test_the_peers_farewell(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_connect(rig, 0, &USUAL);
	struct client *other = rig_login(&rig->rig, 0, "other");
	client_text(tls->client, "a last word");
	tls_pump_out(tls);
	SSL_shutdown(tls->ssl);
	tls_rig_run(rig);
	expect_text(other, "a last word -- FROM sealed");
	assert_null(tls_conn(rig, tls));
	assert_int_equal(ends(rig, CLOSE_REASON_PEER_EOF), 1);
	assert_true(tls->has_farewell);
	tls_rig_finish(rig);
}

/* Nothing that comes behind a farewell counts. */
static void test_behind_a_farewell(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_connect(rig, 0, &USUAL);
	SSL_shutdown(tls->ssl);
	const int len = BIO_read(SSL_get_wbio(tls->ssl), tls->down->bytes, TLS_CARRY);
	memset(tls->down->bytes + len, 0, 100);
	tls->down->len = (size_t)len + 100;
	tls_rig_run(rig);
	assert_int_equal(ends(rig, CLOSE_REASON_PEER_EOF), 1);
	tls_rig_finish(rig);
}

static void test_a_stream_that_is_cut_off(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_connect(rig, 0, &USUAL);
	struct client *other = rig_login(&rig->rig, 0, "other");
	client_text(tls->client, "a last word");
	tls_pump_out(tls);
	shutdown(tls->wire, SHUT_WR);
	tls_rig_run(rig);
	expect_text(other, "a last word -- FROM sealed");
	assert_null(tls_conn(rig, tls));
	assert_int_equal(ends(rig, CLOSE_REASON_TLS_TRUNCATED), 1);
	tls_rig_finish(rig);
}

static void test_a_reset(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_sort sort = USUAL;
	sort.is_tcp = true;
	struct tls_client *tls = tls_connect(rig, 0, &sort);
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	setsockopt(tls->wire, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	tls_leave(tls);
	tls_rig_run(rig);
	assert_null(tls_conn(rig, tls));
	assert_int_equal(ends(rig, CLOSE_REASON_PEER_RESET), 1);
	tls_rig_finish(rig);
}

/* What came whole ahead of it counts, the peer is told what is wrong, and that is the end. */
static void test_a_record_that_was_tampered_with(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_connect(rig, 0, &USUAL);
	struct client *other = rig_login(&rig->rig, 0, "other");
	struct tls_carry *down = tls->down;
	SSL_write(tls->ssl, "", 0);
	uint8_t frame[64];
	for (int i = 0; i < 2; i++) {
		const size_t len = make_frame(frame, FRAME_TEXT, "said once", 9);
		assert_int_equal(SSL_write(tls->ssl, frame, (int)len), len);
	}
	down->len = (size_t)BIO_read(SSL_get_wbio(tls->ssl), down->bytes, TLS_CARRY);
	down->bytes[down->len - 20] ^= 1;
	tls_rig_run(rig);
	expect_text(other, "said once -- FROM sealed");
	expect_nothing(other);
	assert_null(tls_conn(rig, tls));
	assert_int_equal(ends(rig, CLOSE_REASON_TLS_RECORD), 1);
	assert_int_equal(tls->error, SSL_R_SSLV3_ALERT_BAD_RECORD_MAC);
	tls_rig_finish(rig);
}

/* Refused before more of it has come. */
static void test_headers_that_are_refused(void **state)
{
	static const struct {
		const char *header;
		int error;
	} cases[] = {
		{"\x17\x03\x03\x41\x01", SSL_R_TLSV1_ALERT_RECORD_OVERFLOW},
		{"\x14\x03\x03\x00\x01", SSL_R_SSLV3_ALERT_UNEXPECTED_MESSAGE},
		{"\x16\x03\x03\x00\x20", SSL_R_SSLV3_ALERT_UNEXPECTED_MESSAGE},
		{"GET /", SSL_R_SSLV3_ALERT_UNEXPECTED_MESSAGE},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t piece = 1; piece <= 5; piece += 4) {
			struct tls_rig *rig = tls_rig_start(1);
			struct tls_client *tls = tls_connect(rig, 0, &USUAL);
			memcpy(tls->down->bytes, cases[i].header, 5);
			tls->down->len = 5;
			tls->piece_most = piece;
			tls_rig_run(rig);
			assert_null(tls_conn(rig, tls));
			assert_int_equal(ends(rig, CLOSE_REASON_TLS_RECORD), 1);
			assert_int_equal(tls->error, cases[i].error);
			tls_rig_finish(rig);
		}
	}
}

/* What the gateway sends is tampered with: OpenSSL says so, and is heard. */
static void test_the_peers_alert(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_connect(rig, 0, &USUAL);
	struct client *other = rig_login(&rig->rig, 0, "other");
	uint8_t wire[256];
	tls->is_deaf = true;
	client_text(other, "not to be trusted");
	tls_rig_run(rig);
	const ssize_t len = recv(tls->wire, wire, sizeof(wire), 0);
	wire[len - 1] ^= 1;
	assert_int_equal(BIO_write(SSL_get_rbio(tls->ssl), wire, (int)len), len);
	tls_rig_run(rig);
	assert_int_equal(tls->error, SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC);
	assert_null(tls_conn(rig, tls));
	assert_int_equal(ends(rig, CLOSE_REASON_TLS_ALERT), 1);
	tls_rig_finish(rig);
}

/* An answer that is no 101, then our farewell, then our FIN, in this order. */
static void test_a_refusal(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	const struct tls_sort sort = {.is_tcp = true};
	struct tls_client *tls = tls_connect(rig, 0, &sort);
	client_write(tls->client, "POST / HTTP/1.1\r\nHost: here\r\n\r\n", 31);
	tls_rig_run(rig);
	assert_int_equal(client_status(tls->client), 405);
	assert_true(tls->has_farewell);
	assert_true(tls->wire_at_end);
	assert_false(tls->was_reset);
	assert_int_equal(tls_conn(rig, tls)->state, CONN_CLOSING);
	SSL_shutdown(tls->ssl);
	tls_rig_run(rig);
	assert_null(tls_conn(rig, tls));
	tls_rig_finish(rig);
}

/* A Close waits for the residue, and the line for the peer's answer. */
static void test_an_end_waits_for_the_residue(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_connect(rig, 0, &NARROW);
	struct client *other = rig_login(&rig->rig, 0, "other");
	struct conns *conns = rig_conns(&rig->rig, 0);
	tls->is_deaf = true;
	say_many(rig, other, 0, 1, 30000);
	tls_rig_run(rig);
	struct conn *conn = tls_conn(rig, tls);
	conn_visit_begin(conns, conn);
	conn_close(conns, conn, CLOSE_REASON_DRAIN, 5);
	conn_visit_end(conns, conn);
	client_send(tls->client, FRAME_CLOSE, "\x03\xf4", 2);
	tls_rig_run(rig);
	assert_int_equal(conn->state, CONN_CLOSING);
	tls->is_deaf = false;
	tls_rig_run(rig);
	expect_many(tls->client, 1, 30000, "other");
	expect_close(tls->client, 1012, "retry_ms=5");
	assert_true(tls->has_farewell);
	assert_null(tls_conn(rig, tls));
	tls_rig_finish(rig);
}

/* --- lent contexts -----------------------------------------------------------------------------
 */

static void beat(struct tls_rig *rig, struct tls_client *tls)
{
	client_packet(tls->client, PACKET_PING, "beat", 4);
	tls_rig_run(rig);
	expect_frame(tls->client, FRAME_BINARY, "\0\x65\0\0\0\4beat", 10);
}

static const struct tls_place *place_of(struct tls_rig *rig, const struct tls_client *tls)
{
	const uint32_t index = tls_conn(rig, tls)->index;
	return &tls_rig_worker(rig, 0)->keys.places[index % TLS_KEYS_PLACES];
}

static void test_contexts_are_for_those_who_talk(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_login(rig, 0, "talker");
	struct tls_keys *keys = &tls_rig_worker(rig, 0)->keys;
	/* Its request was its first read. */
	assert_null(place_of(rig, tls)->reads.aead.context);
	assert_int_equal(keys->taken_count, 1);
	beat(rig, tls);
	assert_non_null(place_of(rig, tls)->reads.aead.context);
	assert_non_null(place_of(rig, tls)->writes.aead.context);
	for (int i = 0; i < 12; i++) {
		beat(rig, tls);
		rig_pass(&rig->rig, 1);
		tls_rig_run(rig);
		assert_non_null(place_of(rig, tls)->reads.aead.context);
	}
	for (int i = 0; i < 8; i++) {
		rig_pass(&rig->rig, 1);
		tls_rig_run(rig);
	}
	assert_int_equal(keys->taken_count, 0);
	beat(rig, tls);
	assert_null(place_of(rig, tls)->reads.aead.context);
	tls_rig_finish(rig);
}

static void test_a_pass_of_the_fanout_takes_nobodys_place(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *listeners[20];
	char name[16];
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "listener %d", i);
		name[8] = '-';
		listeners[i] = tls_login(rig, 0, name);
	}
	for (int i = 0; i < 12; i++) {
		rig_pass(&rig->rig, 1);
		tls_rig_run(rig);
	}
	struct tls_client *talker = tls_login(rig, 0, "talker");
	beat(rig, talker);
	for (int i = 0; i < 3; i++) {
		client_text(talker->client, "to all");
		tls_rig_run(rig);
	}
	for (int i = 0; i < 20; i++) {
		expect_text(listeners[i]->client, "to all -- FROM talker");
	}
	assert_int_equal(tls_rig_worker(rig, 0)->keys.taken_count, 1);
	assert_non_null(place_of(rig, talker)->reads.aead.context);
	tls_rig_finish(rig);
}

/* Fills up the indexes so that the next line meets the first one's at its place. */
static void fill_places(struct tls_rig *rig)
{
	while (rig->rig.client_count % TLS_KEYS_PLACES != 0) {
		rig_connect(&rig->rig, 0, 0, false);
	}
}

/* Two lines at one place: the one after the other, with the keys of their own. */
static void test_lines_that_share_a_place(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_sort sort = {.login_as = "first", .suite = "TLS_AES_256_GCM_SHA384"};
	struct tls_client *first = tls_connect(rig, 0, &sort);
	fill_places(rig);
	struct tls_client *second = tls_login(rig, 0, "second");
	assert_ptr_equal(place_of(rig, second), place_of(rig, first));
	for (int i = 0; i < 5; i++) {
		beat(rig, first);
		beat(rig, first);
		beat(rig, second);
	}
	assert_int_equal(first->error, 0);
	assert_int_equal(second->error, 0);
	tls_rig_finish(rig);
}

/* A key may have been changed while another line had the place. */
static void test_a_key_update_away_from_its_place(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *first = tls_login(rig, 0, "first");
	fill_places(rig);
	struct tls_client *second = tls_login(rig, 0, "second");
	assert_ptr_equal(place_of(rig, second), place_of(rig, first));
	beat(rig, first);
	beat(rig, first);
	beat(rig, second);
	assert_int_equal(SSL_key_update(first->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
	beat(rig, first);
	beat(rig, second);
	client_text(second->client, "to all"); /* sealed for the first by the spare context */
	tls_rig_run(rig);
	expect_text(first->client, "to all -- FROM second");
	beat(rig, first);
	assert_int_equal(first->error, 0);
	assert_int_equal(second->error, 0);
	tls_rig_finish(rig);
}

/* Of one that goes while another has its place, contexts and all. */
static void test_keys_that_were_left_at_a_place(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *first = tls_login(rig, 0, "first");
	fill_places(rig);
	const struct tls_sort sort = {.login_as = "second", .suite = "TLS_AES_256_GCM_SHA384"};
	struct tls_client *second = tls_connect(rig, 0, &sort);
	const struct tls_place *place = place_of(rig, first);
	const struct tls_line *line = tls_line_of(tls_conn(rig, first));
	assert_ptr_equal(place, place_of(rig, second));
	beat(rig, first);
	beat(rig, first);
	const uint32_t contexts = tls_rig_worker(rig, 0)->keys.context_count;
	client_send(second->client, FRAME_PONG, NULL, 0); /* one read: it has none of its own */
	tls_rig_run(rig);
	assert_ptr_equal(place->line, tls_line_of(tls_conn(rig, second)));
	assert_ptr_equal(place->reads.line, line);
	assert_ptr_equal(place->writes.line, line);
	conn_cut(rig_conns(&rig->rig, 0), tls_conn(rig, first), CLOSE_REASON_SHUTDOWN);
	tls_rig_run(rig);
	assert_null(place->reads.aead.context);
	assert_null(place->writes.aead.context);
	assert_in_range(tls_rig_worker(rig, 0)->keys.context_count, 1, contexts - 2 + 1);
	beat(rig, second);
	beat(rig, second);
	assert_int_equal(tls_rig_worker(rig, 0)->keys.taken_count, 1);
	tls_rig_finish(rig);
}

/* They are pools, which the node takes back when it comes to its limit. */
static void test_contexts_are_accounted_for(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_login(rig, 0, "talker");
	struct tls_keys *keys = &tls_rig_worker(rig, 0)->keys;
	beat(rig, tls);
	assert_int_equal(keys->context_count, 3);
	const size_t before = rig_held_as(&rig->rig, BUDGET_POOLS);
	assert_true(before > 3 * 1000);
	beat(rig, tls);
	assert_int_equal(rig_held_as(&rig->rig, BUDGET_POOLS), before);
	atomic_store(&rig->rig.node.budget.limit, before - 1);
	rig_run(&rig->rig);
	assert_int_equal(keys->context_count, 0);
	assert_int_equal(rig_held_as(&rig->rig, BUDGET_POOLS), 0);
	beat(rig, tls);
	assert_int_equal(tls_conn(rig, tls)->state, CONN_LIVE);
	tls_rig_finish(rig);
}

/* Of a line that is over no key is left. */
static void test_keys_of_who_has_gone(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_login(rig, 0, "talker");
	struct tls_keys *keys = &tls_rig_worker(rig, 0)->keys;
	beat(rig, tls);
	SSL_shutdown(tls->ssl);
	tls_rig_run(rig);
	assert_null(tls_conn(rig, tls));
	assert_int_equal(keys->taken_count, 0);
	for (int suite = 0; suite < TLS_SUITE_COUNT; suite++) {
		assert_null(keys->spares[suite].aead.context);
	}
	tls_rig_finish(rig);
}

/* --- what it costs -----------------------------------------------------------------------------
 */

static void test_an_idle_line_holds_nothing(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct tls_client *tls = tls_login(rig, 0, "idle");
	assert_null(tls_line_of(tls_conn(rig, tls))->hold);
	assert_null(tls_conn(rig, tls)->tx);
	assert_int_equal(rig_held(&rig->rig), 0);
	assert_true(sizeof(struct conn_extra) + tls_line_size(TLS_SUITE_AES_128_GCM) <= 200);
	tls_rig_finish(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_suite),
		cmocka_unit_test(test_records_in_any_pieces),
		cmocka_unit_test(test_short_records_where_they_are_wanted),
		cmocka_unit_test(test_long_records),
		cmocka_unit_test(test_reads_shorter_than_a_record),
		cmocka_unit_test(test_records_that_hold_next_to_nothing),
		cmocka_unit_test(test_a_flood_of_key_updates_with_data),
		cmocka_unit_test(test_half_a_record_is_held),
		cmocka_unit_test(test_a_header_alone_is_cheap),
		cmocka_unit_test(test_nearly_a_record_is_no_more_than_one),
		cmocka_unit_test(test_a_slow_reader_gets_everything_in_order),
		cmocka_unit_test(test_short_records_on_a_stalled_line),
		cmocka_unit_test(test_many_stalled_receivers_share_what_they_wait_for),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_key_updates_under_load),
		cmocka_unit_test(test_a_key_update_is_answered_at_once),
		cmocka_unit_test(test_our_own_key_update),
		cmocka_unit_test(test_an_owed_record_waits_for_the_residue),
		cmocka_unit_test(test_a_request_of_who_is_stalled),
		cmocka_unit_test(test_an_end_of_who_was_stalled),
		cmocka_unit_test(test_a_refusal_of_who_is_stalled),
		cmocka_unit_test(test_the_peers_farewell),
		cmocka_unit_test(test_behind_a_farewell),
		cmocka_unit_test(test_a_stream_that_is_cut_off),
		cmocka_unit_test(test_a_reset),
		cmocka_unit_test(test_a_record_that_was_tampered_with),
		cmocka_unit_test(test_headers_that_are_refused),
		cmocka_unit_test(test_the_peers_alert),
		cmocka_unit_test(test_a_refusal),
		cmocka_unit_test(test_an_end_waits_for_the_residue),
		cmocka_unit_test(test_contexts_are_for_those_who_talk),
		cmocka_unit_test(test_a_pass_of_the_fanout_takes_nobodys_place),
		cmocka_unit_test(test_lines_that_share_a_place),
		cmocka_unit_test(test_a_key_update_away_from_its_place),
		cmocka_unit_test(test_keys_that_were_left_at_a_place),
		cmocka_unit_test(test_contexts_are_accounted_for),
		cmocka_unit_test(test_keys_of_who_has_gone),
		cmocka_unit_test(test_an_idle_line_holds_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
