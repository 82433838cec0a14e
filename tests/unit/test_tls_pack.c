/* Lines that speak TLS and go on with what another process has of them: other memory, other
 * contexts, the same client. */
#include "sealed_texts.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "../../server/conn/tls_door.h"
#include "../../server/conn/transport_pack.h"
#include "split.h"

/* --- moving ------------------------------------------------------------------------------------
 */

static uint32_t lines_of(const struct stats *stats)
{
	return (uint32_t)(stats_read(&stats->tls_lines_aes_128) +
			  stats_read(&stats->tls_lines_aes_256) +
			  stats_read(&stats->tls_lines_chacha20));
}

/* Packs the layer of a line and lets go of it, so that it is a plain one. */
static void give(struct tls_rig *rig, const struct tls_client *tls, struct pack *pack)
{
	struct conns *conns = rig_conns(&rig->rig, 0);
	struct conn *conn = tls_conn(rig, tls);
	assert_true(transport_may_move(conn));
	transport_pack(conn, pack);
	assert_false(pack->failed);
	transport_let_go(conn);
	transport_pack_over(conns);
	assert_false(conn->flags & CONN_LAYERED);
}

/* Its worker has nothing for TLS by then: as in a process without a listener for it. */
static void take_from(struct tls_rig *rig, const struct tls_client *tls, const struct pack *pack)
{
	struct conns *conns = rig_conns(&rig->rig, 0);
	struct unpack unpack = unpack_of(pack->bytes, pack->len);
	tls_worker_destroy(&conns->tls);
	assert_int_equal(transport_unpack(conns, tls_conn(rig, tls), &unpack), 0);
	assert_true(unpack_is_over(&unpack));
	assert_non_null(conns->tls);
	assert_int_equal(lines_of(conns->stats), 1);
	transport_pack_over(conns);
}

static size_t held(struct tls_rig *rig)
{
	return rig_held_as(&rig->rig, BUDGET_MESSAGES) + rig_held_as(&rig->rig, BUDGET_QUEUES);
}

/* The only line of its worker. */
static void move(struct tls_rig *rig, const struct tls_client *tls)
{
	struct pack pack = PACK_EMPTY;
	const size_t before = held(rig);
	give(rig, tls, &pack);
	take_from(rig, tls, &pack);
	pack_finish(&pack);
	conn_note_held(rig_conns(&rig->rig, 0), tls_conn(rig, tls));
	const struct tls_hold *hold = tls_line_of(tls_conn(rig, tls))->hold;
	assert_in_range(held(rig), tls_hold_half_len(hold) + tls_hold_residue_len(hold),
		before > 0 ? before + RIG_MALLOC_SPARE : 0);
}

/* One who speaks TLS, alone at its worker, and one who does not at another. */
struct both {
	struct tls_rig *rig;
	struct tls_client *tls;
	struct client *other;
};

static struct both begin(const struct tls_sort *sort)
{
	struct both both = {.rig = tls_rig_start(2)};
	both.tls = tls_connect(both.rig, 0, sort);
	both.other = rig_login(&both.rig->rig, 1, "other");
	return both;
}

static void end(const struct both *both)
{
	assert_int_equal(both->tls->error, 0);
	tls_rig_finish(both->rig);
}

static void talk(const struct both *both)
{
	client_text(both->tls->client, "up");
	client_text(both->other, "down");
	tls_rig_run(both->rig);
	expect_text(both->other, "up -- FROM sealed");
	expect_text(both->tls->client, "down -- FROM other");
}

static struct tls_line *line_of(const struct both *both)
{
	return tls_line_of(tls_conn(both->rig, both->tls));
}

static struct conn *conn_of(const struct both *both)
{
	return tls_conn(both->rig, both->tls);
}

/* --- it goes on --------------------------------------------------------------------------------
 */

static const char *const suites[] = {
	"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"};

static void test_again_and_again(void **state)
{
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		struct tls_sort sort = USUAL;
		sort.suite = suites[i];
		const struct both both = begin(&sort);
		for (int round = 0; round < 10; round++) {
			move(both.rig, both.tls);
			talk(&both);
			talk(&both);
		}
		end(&both);
	}
}

/* Wherever a record is cut by it. */
static void test_half_a_record(void **state)
{
	const struct both both = begin(&USUAL);
	client_text(both.tls->client, "a text in pieces");
	both.tls->piece_most = 1;
	for (size_t moved = 0; tls_pump_out(both.tls); moved++) {
		rig_run(&both.rig->rig);
		const size_t half_len = tls_hold_half_len(line_of(&both)->hold);
		move(both.rig, both.tls);
		assert_int_equal(tls_hold_half_len(line_of(&both)->hold), half_len);
		assert_true(moved < 100);
	}
	rig_run(&both.rig->rig);
	expect_text(both.other, "a text in pieces -- FROM sealed");
	both.tls->piece_most = 0;
	talk(&both);
	end(&both);
}

/* A long one, nearly whole. */
static void test_most_of_a_record(void **state)
{
	const struct both both = begin(&USUAL);
	char *text = text_of(16000);
	client_text(both.tls->client, text);
	both.tls->piece_most = 15990;
	assert_true(tls_pump_out(both.tls));
	rig_run(&both.rig->rig);
	move(both.rig, both.tls);
	assert_int_equal(tls_hold_half_len(line_of(&both)->hold), 15990);
	tls_rig_run(both.rig);
	expect_said(both.other, text, "sealed");
	free(text);
	end(&both);
}

/* The rest of a record is on its way out, and more waits behind it. */
static void test_a_residue(void **state)
{
	for (size_t step = 1; step < 20000; step = step * 3 + 1) {
		const struct both both = begin(&NARROW);
		both.tls->is_deaf = true;
		say_many(both.rig, both.other, 0, 5, 20000);
		tls_rig_run(both.rig);
		assert_true(transport_is_pending(conn_of(&both)));
		do {
			const size_t residue_len = tls_hold_residue_len(line_of(&both)->hold);
			move(both.rig, both.tls);
			assert_int_equal(tls_hold_residue_len(line_of(&both)->hold), residue_len);
			tls_take(both.tls, step);
			rig_run(&both.rig->rig);
		} while (step > 100 && conn_of(&both)->tx);
		both.tls->is_deaf = false;
		tls_rig_run(both.rig);
		assert_null(conn_of(&both)->tx);
		expect_many(both.tls->client, 5, 20000, "other");
		talk(&both);
		end(&both);
	}
}

/* --- KeyUpdates --------------------------------------------------------------------------------
 */

static void test_before_and_behind_key_updates(void **state)
{
	static const int kinds[] = {SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED};
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		struct tls_sort sort = USUAL;
		sort.suite = suites[i];
		const struct both both = begin(&sort);
		for (int round = 0; round < 8; round++) {
			assert_int_equal(SSL_key_update(both.tls->ssl, kinds[round % 2]), 1);
			if (round % 4 >= 2) {
				move(both.rig, both.tls);
			}
			talk(&both);
			move(both.rig, both.tls);
			talk(&both);
		}
		end(&both);
	}
}

/* An answer that is owed waits for the residue, here as there. */
static void test_a_key_update_that_is_owed(void **state)
{
	const struct both both = begin(&NARROW);
	both.tls->is_deaf = true;
	say_many(both.rig, both.other, 0, 1, 30000);
	tls_rig_run(both.rig);
	assert_int_equal(SSL_key_update(both.tls->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
	assert_int_equal(SSL_do_handshake(both.tls->ssl), 1);
	tls_rig_run(both.rig);
	assert_true(tls_line_owes(line_of(&both)));
	move(both.rig, both.tls);
	assert_true(tls_line_owes(line_of(&both)));
	both.tls->is_deaf = false;
	tls_rig_run(both.rig);
	assert_false(tls_line_owes(line_of(&both)));
	expect_many(both.tls->client, 1, 30000, "other");
	talk(&both);
	end(&both);
}

/* One of ours is due with the next record. */
static void test_our_own_key_update(void **state)
{
	const struct both both = begin(&USUAL);
	for (int i = 0; i < 3; i++) {
		line_of(&both)->flags |= TLS_LINE_ASKS;
		move(both.rig, both.tls);
		talk(&both);
		assert_int_equal(line_of(&both)->flags, 0);
	}
	end(&both);
}

/* --- ends --------------------------------------------------------------------------------------
 */

/* Reads once, so that an end behind data is noted and not told yet. */
static void read_once(const struct both *both)
{
	struct conns *conns = rig_conns(&both->rig->rig, 0);
	const struct transport_read got =
		transport_recv(conn_of(both), conns->reading.buffer, 65536);
	assert_int_equal(got.status, TRANSPORT_DATA);
	assert_true(got.len > 0 && got.more);
}

static void go_on(const struct both *both)
{
	struct conns *conns = rig_conns(&both->rig->rig, 0);
	struct conn *conn = conn_of(both);
	conn_visit_begin(conns, conn);
	reader_go_on(conns, conn);
	conn_visit_end(conns, conn);
	tls_rig_run(both->rig);
}

static void test_a_farewell_that_was_not_told_yet(void **state)
{
	const struct both both = begin(&USUAL);
	client_text(both.tls->client, "last words");
	while (tls_pump_out(both.tls)) {
	}
	assert_int_equal(SSL_shutdown(both.tls->ssl), 0);
	while (tls_pump_out(both.tls)) {
	}
	read_once(&both);
	assert_int_equal(line_of(&both)->reason, CLOSE_REASON_PEER_EOF);
	move(both.rig, both.tls);
	go_on(&both);
	assert_null(conn_of(&both));
	assert_int_equal(rig_ends(&both.rig->rig, CLOSE_REASON_PEER_EOF), 1);
	assert_true(both.tls->has_farewell);
	end(&both);
}

/* Its alert is sealed by who goes on. */
static void test_an_alert_that_was_not_told_yet(void **state)
{
	const struct both both = begin(&USUAL);
	client_text(both.tls->client, "last words");
	while (tls_pump_out(both.tls)) {
	}
	assert_int_equal(send(both.tls->wire, "\x17\x03\x03\x41\x01", 5, 0), 5);
	read_once(&both);
	assert_int_equal(line_of(&both)->reason, CLOSE_REASON_TLS_RECORD);
	move(both.rig, both.tls);
	go_on(&both);
	assert_null(conn_of(&both));
	assert_int_equal(rig_ends(&both.rig->rig, CLOSE_REASON_TLS_RECORD), 1);
	assert_int_equal(both.tls->error, SSL_R_TLSV1_ALERT_RECORD_OVERFLOW);
	both.tls->error = 0;
	end(&both);
}

/* --- what is left behind -----------------------------------------------------------------------
 */

static bool is_zero(const uint8_t *bytes, size_t len)
{
	size_t i = 0;
	while (i < len && bytes[i] == 0) {
		i++;
	}
	return i == len;
}

/* No key and no secret, no context, no layer: and not a byte has been said. */
static void test_nothing_is_left(void **state)
{
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		struct tls_sort sort = USUAL;
		sort.suite = suites[i];
		const struct both both = begin(&sort);
		struct pack pack = PACK_EMPTY;
		talk(&both);
		talk(&both);
		const struct tls_keys *keys = &tls_rig_worker(both.rig, 0)->keys;
		assert_true(keys->context_count > 0);
		const uint8_t *slot = (const uint8_t *)line_of(&both);
		const size_t size = tls_line_size((enum tls_suite)line_of(&both)->suite);
		const size_t heard = BIO_number_read(SSL_get_rbio(both.tls->ssl));
		give(both.rig, both.tls, &pack);
		assert_int_equal(keys->context_count, 0);
		assert_int_equal(keys->taken_count, 0);
		assert_true(is_zero(slot, size)); /* its page is kept for the next line */
		assert_int_equal(lines_of(rig_conns(&both.rig->rig, 0)->stats), 0);
		tls_rig_run(both.rig);
		assert_int_equal(BIO_number_read(SSL_get_rbio(both.tls->ssl)), heard);
		take_from(both.rig, both.tls, &pack);
		pack_finish(&pack);
		talk(&both);
		end(&both);
	}
}

/* What is done to a line that has been packed, which may go on elsewhere by now. */
enum deed {
	DEED_SEND,
	DEED_READ,
	DEED_CLOSE,
	DEEDS,
};

static void do_to(const struct both *both, enum deed deed)
{
	struct conns *conns = rig_conns(&both->rig->rig, 0);
	switch (deed) {
	case DEED_SEND:
		client_text(both->other, "down");
		break;
	case DEED_READ:
		client_text(both->tls->client, "up");
		break;
	case DEED_CLOSE:
		conn_vanish(conns, conn_of(both), CLOSE_REASON_SHUTDOWN);
		break;
	case DEEDS:
		break;
	}
	tls_rig_run(both->rig);
}

/* Whether it ends the process, which is another here. */
static bool aborts(const struct both *both, enum deed deed)
{
	int status;
	const pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		prctl(PR_SET_DUMPABLE, 0);
		signal(SIGABRT, SIG_DFL);
		fclose(stderr);
		do_to(both, deed);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void test_nothing_is_sealed_meanwhile(void **state)
{
	for (int deed = 0; deed < DEEDS; deed++) {
		const struct both both = begin(&USUAL);
		struct pack pack = PACK_EMPTY;
		transport_pack(conn_of(&both), &pack);
		assert_true(aborts(&both, (enum deed)deed));
		transport_pack_over(rig_conns(&both.rig->rig, 0));
		assert_false(aborts(&both, (enum deed)deed));
		pack_finish(&pack);
		tls_rig_finish(both.rig);
	}
}

/* Nor by who goes on, before he is told to: it may be given up yet. */
static void test_nothing_is_sealed_too_early(void **state)
{
	for (int deed = 0; deed < DEEDS; deed++) {
		const struct both both = begin(&USUAL);
		struct conns *conns = rig_conns(&both.rig->rig, 0);
		struct pack pack = PACK_EMPTY;
		give(both.rig, both.tls, &pack);
		struct unpack unpack = unpack_of(pack.bytes, pack.len);
		assert_int_equal(transport_unpack(conns, conn_of(&both), &unpack), 0);
		assert_true(aborts(&both, (enum deed)deed));
		transport_pack_over(conns);
		assert_false(aborts(&both, (enum deed)deed));
		pack_finish(&pack);
		tls_rig_finish(both.rig);
	}
}

/* Nothing moves in the end: it is as if nobody had asked. */
static void test_a_thaw(void **state)
{
	const struct both both = begin(&NARROW);
	struct pack packs[2] = {PACK_EMPTY, PACK_EMPTY};
	both.tls->is_deaf = true;
	say_many(both.rig, both.other, 0, 3, 20000);
	for (int i = 0; i < 2; i++) {
		transport_pack(conn_of(&both), &packs[i]);
		transport_pack_over(rig_conns(&both.rig->rig, 0));
	}
	assert_int_equal(packs[0].len, packs[1].len);
	assert_memory_equal(packs[0].bytes, packs[1].bytes, packs[0].len);
	both.tls->is_deaf = false;
	tls_rig_run(both.rig);
	expect_many(both.tls->client, 3, 20000, "other");
	talk(&both);
	pack_finish(&packs[0]);
	pack_finish(&packs[1]);
	end(&both);
}

/* --- what is none ------------------------------------------------------------------------------
 */

/* Tries to lay it over a line that is plain; what comes about is taken off again. */
static int try(const struct both *both, const uint8_t *bytes, size_t len)
{
	struct conns *conns = rig_conns(&both->rig->rig, 0);
	struct conn *conn = conn_of(both);
	uint8_t *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	if (len > 0) {
		memcpy(copy, bytes, len);
	}
	struct unpack unpack = unpack_of(copy, len);
	const int err = transport_unpack(conns, conn, &unpack);
	assert_int_equal(err == 0 && copy[0] == TRANSPORT_TLS_LINE, conn->flags >> 11 & 1);
	transport_let_go(conn);
	assert_int_equal(lines_of(conns->stats), 0);
	free(copy);
	return err;
}

static void test_what_is_forged(void **state)
{
	const struct both both = begin(&NARROW);
	struct pack pack = PACK_EMPTY;
	both.tls->is_deaf = true;
	say_many(both.rig, both.other, 0, 2, 20000);
	assert_int_equal(send(both.tls->wire, "\x17\x03\x03\x01\x01 half a record", 19, 0), 19);
	rig_run(&both.rig->rig);
	give(both.rig, both.tls, &pack);
	assert_int_equal(try(&both, pack.bytes, pack.len), 0);
	for (size_t len = 0; len < pack.len; len += len < 300 ? 1 : 97) {
		assert_int_equal(try(&both, pack.bytes, len), -EINVAL);
	}
	uint32_t seed = 8446;
	uint32_t refused = 0;
	for (int i = 0; i < 20000; i++) {
		/* Mostly where the lengths and the figures are. */
		const size_t at = split_random(&seed) % (i % 4 == 0 ? pack.len : 64);
		const uint8_t was = pack.bytes[at];
		pack.bytes[at] = (uint8_t)split_random(&seed);
		if (pack.bytes[0] != TRANSPORT_TLS_DOOR) {
			refused += try(&both, pack.bytes, pack.len) != 0;
		}
		pack.bytes[at] = was;
	}
	assert_in_range(refused, 1000, 19000);
	take_from(both.rig, both.tls, &pack);
	pack_finish(&pack);
	both.tls->is_deaf = false;
	tls_rig_run(both.rig);
	expect_many(both.tls->client, 2, 20000, "other");
	tls_rig_finish(both.rig);
}

/* A half or a residue longer than any record would be written beyond the memory for it; an alert of
 * ours is due at no end of the peer's. */
static void test_parts_that_cannot_be(void **state)
{
	static uint8_t long_one[TLS_RECORD_MAX + 1];
	const struct both both = begin(&USUAL);
	struct pack line = PACK_EMPTY;
	give(both.rig, both.tls, &line);
	const size_t front = line.len - 1 - 1 - 4 - 4; /* without reason, alert and both parts */
	for (int i = 0; i < 8; i++) {
		struct pack pack = PACK_EMPTY;
		pack_bytes(&pack, line.bytes, front);
		pack_u8(&pack, i == 2 ? 7 : i == 3 ? 3 : i == 4 ? 1 : 0); /* why it is over */
		pack_u8(&pack, i == 3 || i == 4 || i == 5);               /* an alert */
		pack_slice(
			&pack, (struct slice){(const char *)long_one, TLS_RECORD_MAX + (i == 6)});
		pack_slice(
			&pack, (struct slice){(const char *)long_one, TLS_RECORD_MAX + (i == 7)});
		assert_int_equal(try(&both, pack.bytes, pack.len), i < 2 || i == 3 ? 0 : -EINVAL);
		pack_finish(&pack);
	}
	take_from(both.rig, both.tls, &line);
	pack_finish(&line);
	talk(&both);
	end(&both);
}

/* Kinds that there are not, or that are not passed on. */
static void test_other_kinds(void **state)
{
	const struct both both = begin(&USUAL);
	struct pack pack = PACK_EMPTY;
	give(both.rig, both.tls, &pack);
	for (int kind = 0; kind <= UINT8_MAX; kind++) {
		const uint8_t byte = (uint8_t)kind;
		if (kind != TRANSPORT_TLS_DOOR) {
			assert_int_equal(
				try(&both, &byte, 1), kind == TRANSPORT_PLAIN ? 0 : -EINVAL);
		}
	}
	take_from(both.rig, both.tls, &pack);
	pack_finish(&pack);
	talk(&both);
	end(&both);
}

/* A newcomer where nobody shakes hands. */
static void test_no_certificates(void **state)
{
	struct tls_rig *rig = tls_rig_start(1);
	struct conns *conns = rig_conns(&rig->rig, 0);
	struct client *client = rig_connect(&rig->rig, 0, 0, false);
	const uint8_t door = TRANSPORT_TLS_DOOR;
	struct unpack unpack = unpack_of(&door, 1);
	tls_worker_destroy(&conns->tls);
	assert_int_equal(transport_unpack(conns, client_conn(&rig->rig, client), &unpack), 0);
	assert_null(client_conn(&rig->rig, client));
	assert_int_equal(rig_ends(&rig->rig, CLOSE_REASON_TLS_REFUSED), 1);
	rig_run(&rig->rig);
	tls_rig_finish(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_again_and_again),
		cmocka_unit_test(test_half_a_record),
		cmocka_unit_test(test_most_of_a_record),
		cmocka_unit_test(test_a_residue),
		cmocka_unit_test(test_before_and_behind_key_updates),
		cmocka_unit_test(test_a_key_update_that_is_owed),
		cmocka_unit_test(test_our_own_key_update),
		cmocka_unit_test(test_a_farewell_that_was_not_told_yet),
		cmocka_unit_test(test_an_alert_that_was_not_told_yet),
		cmocka_unit_test(test_nothing_is_left),
		cmocka_unit_test(test_nothing_is_sealed_meanwhile),
		cmocka_unit_test(test_nothing_is_sealed_too_early),
		cmocka_unit_test(test_a_thaw),
		cmocka_unit_test(test_what_is_forged),
		cmocka_unit_test(test_parts_that_cannot_be),
		cmocka_unit_test(test_other_kinds),
		cmocka_unit_test(test_no_certificates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
