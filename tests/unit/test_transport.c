#include "scripted_transport.h"

struct line {
	struct rig *rig;
	struct script *script;
	struct client *client;
};

static struct line line_with(struct rig *rig, const struct script *sizes)
{
	struct line line = {.rig = rig, .script = calloc(1, sizeof(struct script))};
	assert_non_null(line.script);
	line.script->record_most = sizes->record_most;
	line.script->wire_most = sizes->wire_most;
	line.script->cut_most = sizes->cut_most;
	line.script->piece_most = sizes->piece_most;
	line.client = script_connect(rig, 0, line.script);
	return line;
}

static const struct script EASY = {
	.record_most = RECORD_MOST,
	.wire_most = SIZE_MAX,
	.cut_most = RECORD_MOST,
	.piece_most = 65536,
};

static void line_run(struct line *line)
{
	script_run(line->rig, line->client, line->script);
}

static struct conn *line_conn(struct line *line)
{
	return client_conn(line->rig, line->client);
}

static struct line line_login(struct rig *rig, const struct script *sizes)
{
	struct line line = line_with(rig, sizes);
	client_request(line.client, "/?user=layered");
	line_run(&line);
	assert_int_equal(client_status(line.client), 101);
	return line;
}

/* After the rig: the gateway's end has been closed once, whatever happened. */
static void line_finish(struct line *line)
{
	assert_int_equal(line->script->closes, 1);
	script_finish(line->script);
	free(line->script);
}

static void finish(struct rig *rig, struct line *line)
{
	rig_finish(rig);
	line_finish(line);
	free(rig);
}

static struct rig *start(void)
{
	struct rig *rig = malloc(sizeof(*rig));
	assert_non_null(rig);
	rig_init(rig, 1);
	return rig;
}

static char *text_of(size_t len)
{
	char *text = malloc(len + 1);
	assert_non_null(text);
	for (size_t i = 0; i < len; i++) {
		text[i] = (char)('a' + i % 26);
	}
	text[len] = '\0';
	return text;
}

/* A login, texts both ways, a ping and a Close, whatever the records and pieces are. */
static void chat_over(const struct script *sizes)
{
	struct rig *rig = start();
	struct line line = line_login(rig, sizes);
	struct client *other = rig_login(rig, 0, "other");
	char *big = text_of(9000);
	char *tagged = text_of(9000 + 64);
	snprintf(tagged, 9000 + 64, "%s -- FROM layered", big);
	client_text(line.client, "hello");
	client_text(line.client, big);
	client_packet(line.client, PACKET_PING, "beat", 4);
	line_run(&line);
	expect_text(other, "hello -- FROM layered");
	expect_text(other, tagged);
	client_text(other, "welcome");
	client_text(other, big);
	line_run(&line);
	expect_frame(line.client, FRAME_BINARY, "\0\x65\0\0\0\4beat", 10);
	expect_text(line.client, "welcome -- FROM other");
	snprintf(tagged, 9000 + 64, "%s -- FROM other", big);
	expect_text(line.client, tagged);
	client_send(line.client, FRAME_CLOSE, "\x03\xe8", 2);
	line_run(&line);
	expect_close(line.client, 1000, "");
	expect_nothing(line.client);
	assert_null(line_conn(&line));
	assert_int_equal(rig_ends(rig, CLOSE_REASON_PEER_CLOSE), 1);
	free(big);
	free(tagged);
	finish(rig, &line);
}

static void test_any_records_in_any_pieces(void **state)
{
	static const size_t records[] = {1, 7, 1000, RECORD_MOST};
	static const size_t pieces[] = {1, 4, 65536};
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		for (size_t k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++) {
			struct script sizes = EASY;
			sizes.record_most = sizes.cut_most = records[i];
			sizes.piece_most = pieces[k];
			chat_over(&sizes);
		}
	}
}

/* The "socket" takes a few bytes at a time: nearly every write leaves a residue. */
static void test_residues(void **state)
{
	static const size_t wires[] = {1, 5, 999};
	for (size_t i = 0; i < sizeof(wires) / sizeof(wires[0]); i++) {
		struct script sizes = EASY;
		sizes.record_most = 500;
		sizes.wire_most = wires[i];
		chat_over(&sizes);
	}
}

static void test_records_without_bytes_are_no_end(void **state)
{
	struct rig *rig = start();
	struct line line = line_login(rig, &EASY);
	struct client *other = rig_login(rig, 0, "other");
	uint8_t frame[64];
	size_t len = make_frame(frame, FRAME_TEXT, "in two parts", 12);
	script_put(line.script, RECORD_EMPTY, NULL, 0);
	script_put(line.script, RECORD_DATA, frame, 7);
	script_put(line.script, RECORD_EMPTY, NULL, 0);
	script_put(line.script, RECORD_EMPTY, NULL, 0);
	script_put(line.script, RECORD_DATA, frame + 7, len - 7);
	line_run(&line);
	expect_text(other, "in two parts -- FROM layered");
	assert_int_equal(line_conn(&line)->state, CONN_LIVE);
	finish(rig, &line);
}

/* All that was said has been taken, but not all has left: the line waits, its end too. */
static void test_an_end_waits_for_the_residue(void **state)
{
	struct rig *rig = start();
	struct line line = line_login(rig, &EASY);
	line.script->wire_most = line.script->wire_left = 0;
	struct conns *conns = rig_conns(rig, 0);
	struct conn *conn = line_conn(&line);
	conn_visit_begin(conns, conn);
	conn_close(conns, conn, CLOSE_REASON_DRAIN, 5);
	conn_visit_end(conns, conn);
	assert_non_null(conn->tx);
	assert_int_equal(conn->tx->bytes, 0);
	/* The peer's own Close: with nothing in the queue the line would be dead by now. */
	client_send(line.client, FRAME_CLOSE, "\x03\xe8", 2);
	line_run(&line);
	assert_int_equal(line_conn(&line)->state, CONN_CLOSING);
	line.script->wire_most = 3;
	line_run(&line);
	expect_close(line.client, 1012, "retry_ms=5");
	assert_null(line_conn(&line));
	finish(rig, &line);
}

/* A refusal is followed by our FIN, but only once it has left. */
static void test_a_refusal_waits_for_the_residue(void **state)
{
	struct rig *rig = start();
	struct script sizes = EASY;
	sizes.wire_most = 0;
	struct line line = line_with(rig, &sizes);
	client_write(line.client, "POST / HTTP/1.1\r\nHost: here\r\n\r\n", 31);
	line_run(&line);
	assert_int_equal(line_conn(&line)->state, CONN_CLOSING);
	assert_int_equal(line.script->shutdowns, 0);
	line.script->wire_most = 10;
	line_run(&line);
	assert_int_equal(client_status(line.client), 405);
	assert_int_equal(line.script->shutdowns, 1);
	finish(rig, &line);
}

/* What the layer owes by itself stalls the line, and leaves when the socket takes it. */
static void test_an_owed_record(void **state)
{
	struct rig *rig = start();
	struct line line = line_login(rig, &EASY);
	size_t before = line.script->client.in_len;
	line.script->wire_most = line.script->wire_left = 0;
	script_put(line.script, RECORD_ASK, NULL, 0);
	line_run(&line);
	assert_non_null(line_conn(&line)->tx);
	assert_int_equal(line.script->client.in_len, before);
	line.script->wire_most = 2;
	line_run(&line);
	assert_null(line_conn(&line)->tx);
	assert_int_equal(line.script->client.in_len, before + RECORD_HEADER);
	finish(rig, &line);
}

static void test_ends_of_the_stream(void **state)
{
	static const struct {
		uint8_t kind; /* 0: none, only the socket's end */
		enum close_reason reason;
	} ends[] = {
		{RECORD_END, CLOSE_REASON_PEER_EOF},
		{0, CLOSE_REASON_TLS_TRUNCATED},
		{'?', CLOSE_REASON_TLS_RECORD},
	};
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct rig *rig = start();
		struct line line = line_login(rig, &EASY);
		if (ends[i].kind) {
			script_put(line.script, ends[i].kind, NULL, 0);
		} else {
			shutdown(line.script->far, SHUT_WR);
		}
		line_run(&line);
		assert_null(line_conn(&line));
		assert_int_equal(rig_ends(rig, ends[i].reason), 1);
		finish(rig, &line);
	}
}

/* The write deadline asks the layer, in whose unit nothing has moved, or something has. */
static void test_progress_is_the_layers(void **state)
{
	struct rig *rig = start();
	struct line line = line_login(rig, &EASY);
	struct client *other = rig_login(rig, 0, "other");
	line.script->wire_most = line.script->wire_left = 0;
	client_text(other, "nobody takes this");
	line_run(&line);
	struct conn *conn = line_conn(&line);
	assert_non_null(conn->tx);
	uint32_t write = rig_conns(rig, 0)->limits.deadlines.write;
	for (uint32_t passed = 0; passed < 3 * write; passed += 4) {
		line.script->sealed++;
		rig_pass(rig, 4);
		rig_run(rig);
		assert_int_equal(conn->state, CONN_LIVE);
	}
	rig_pass(rig, write + 8);
	rig_run(rig);
	assert_int_equal(conn->state, CONN_CLOSING);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_WRITE_TIMEOUT), 1);
	finish(rig, &line);
}

/* Known of one whose last bytes have not been read. */
static void test_who_has_hung_up(void **state)
{
	struct rig *rig = start();
	struct client *local = rig_connect(rig, 0, 0, false);
	struct client *half = rig_connect_tcp(rig, 0);
	struct client *gone = rig_connect_tcp(rig, 0);
	struct client *broken = rig_connect_tcp(rig, 0);
	struct client *all[] = {local, half, gone, broken};
	for (size_t i = 0; i < 4; i++) {
		assert_false(transport_has_hung_up(client_conn(rig, all[i])));
		client_request(all[i], "/?user=a");
		assert_false(transport_has_hung_up(client_conn(rig, all[i])));
	}
	client_leave(local);
	shutdown(half->fd, SHUT_WR);
	client_leave(gone);
	client_reset(broken);
	for (size_t i = 0; i < 4; i++) {
		assert_true(transport_has_hung_up(client_conn(rig, all[i])));
	}
	rig_finish(rig);
	free(rig);
}

/* A farewell that only the layer has seen: it kicks nobody. */
static void test_the_layer_knows_who_has_hung_up(void **state)
{
	struct rig *rig = start();
	struct client *in = rig_login(rig, 0, "layered");
	struct line line = line_with(rig, &EASY);
	line.script->has_hung_up = true;
	client_request(line.client, "/?user=layered");
	line_run(&line);
	expect_nothing(in);
	assert_int_equal(client_status(line.client), 101);
	expect_close(line.client, 1013, "retry_ms=1000");
	finish(rig, &line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_records_in_any_pieces),
		cmocka_unit_test(test_residues),
		cmocka_unit_test(test_records_without_bytes_are_no_end),
		cmocka_unit_test(test_an_end_waits_for_the_residue),
		cmocka_unit_test(test_a_refusal_waits_for_the_residue),
		cmocka_unit_test(test_an_owed_record),
		cmocka_unit_test(test_ends_of_the_stream),
		cmocka_unit_test(test_progress_is_the_layers),
		cmocka_unit_test(test_who_has_hung_up),
		cmocka_unit_test(test_the_layer_knows_who_has_hung_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
