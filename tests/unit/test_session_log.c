#include <sys/mman.h>

#include "../../server/session/session_log.h"
#include "conn_rig.h"

enum {
	LOG_MAX = 8192, /* bytes caught in a test */
};

/* Standard error, caught in a file without a name: there is no writer, so lines are there at once.
 */
static struct catch
{
	int saved_fd;
	int file_fd;
	char text[LOG_MAX];
}
caught;

static void begin_catch(void)
{
	caught.saved_fd = dup(STDERR_FILENO);
	caught.file_fd = memfd_create("log", MFD_CLOEXEC);
	assert_true(caught.saved_fd >= 0 && caught.file_fd >= 0);
	assert_true(dup2(caught.file_fd, STDERR_FILENO) >= 0);
	log_set_level(LOG_LEVEL_INFO);
}

static const char *end_catch(void)
{
	log_set_level(LOG_LEVEL_ERROR);
	assert_true(dup2(caught.saved_fd, STDERR_FILENO) >= 0);
	ssize_t len = pread(caught.file_fd, caught.text, sizeof(caught.text) - 1, 0);
	assert_true(len >= 0);
	caught.text[len] = '\0';
	close(caught.saved_fd);
	close(caught.file_fd);
	return caught.text;
}

static void log_each(struct rig *rig, bool is_each)
{
	for (uint32_t i = 0; i < rig->worker_count; i++) {
		rig->workers[i].sessions.logs_each = is_each;
	}
}

/* Whether one of the lines caught is of that level and has that message. */
static bool has_line(const char *level, const char *message)
{
	char wanted[256];
	snprintf(wanted, sizeof(wanted), "Z %-5s %s", level, message);
	return strstr(caught.text, wanted);
}

static uint64_t counted(struct rig *rig, enum close_reason reason)
{
	uint64_t total = 0;
	for (uint32_t i = 0; i < rig->worker_count; i++) {
		total += stats_read(&rig->workers[i].stats.upgraded_ends[reason]);
	}
	return total;
}

/* A login, a kick after 192 s, a time-out of 120 s: each a line. */
static void play(struct rig *rig)
{
	struct client *first = rig_login(rig, 0, "alice");
	for (int i = 0; i < 2; i++) {
		rig_pass(rig, 96 * 1000 / LOOP_TICK_MS);
		client_text(first, "still here");
		rig_run(rig);
	}
	struct client *second = rig_login(rig, 1, "alice");
	expect_close(first, 4001, "kicked");
	rig_pass(rig, 122 * 1000 / LOOP_TICK_MS);
	rig_run(rig);
	expect_close(second, 3008, "i/o timeout");
	struct client *refused = rig_connect(rig, 0, 0, false);
	client_request(refused, "/?user=");
	rig_run(rig);
	assert_int_equal(client_status(refused), 101);
	expect_close(refused, 4000, "bad login");
	struct client *leaver = rig_login(rig, 2, "bob");
	rig_pass(rig, 1000 / LOOP_TICK_MS);
	client_leave(leaver);
	rig_run(rig);
	rig_login(rig, 2, "carol");
}

static void test_one_line_for_each(void **state)
{
	struct rig *rig = *state;
	log_each(rig, true);
	begin_catch();
	play(rig);
	end_catch();
	assert_true(has_line("INFO", "user alice in from unix conn="));
	assert_true(has_line("INFO", "user alice out: kicked (4001) after 3m12s conn="));
	assert_true(has_line("WARN", "user alice out: i/o timeout (3008) after 2m"));
	assert_true(has_line("INFO", "client unix out: bad login (4000) after 0s conn="));
	assert_true(has_line("INFO", "user bob out: EOF after 1s conn="));
	size_t lines = 0;
	for (const char *at = caught.text; (at = strchr(at, '\n')); at++) {
		lines++;
	}
	assert_int_equal(lines, 4 + 4); /* four logins, four ends */
}

/* They cost no line, and are counted. */
static void test_none_where_they_are_summed_up(void **state)
{
	struct rig *rig = *state;
	log_each(rig, false);
	begin_catch();
	play(rig);
	assert_string_equal(end_catch(), "");
	assert_int_equal(counted(rig, CLOSE_REASON_KICKED), 1);
	assert_int_equal(counted(rig, CLOSE_REASON_READ_TIMEOUT), 1);
	assert_int_equal(counted(rig, CLOSE_REASON_BAD_LOGIN), 1);
	assert_int_equal(counted(rig, CLOSE_REASON_PEER_EOF), 1);
}

#define QUOTES(quotes) quotes quotes

/* Nobody's name says of another that he came or went. */
static void test_names_are_not_taken_for_the_rest(void **state)
{
	static const struct {
		const char *target;
		const char *shown;
	} names[] = {
		{"/?user=bob%20out:%20kicked%20(4001)", "\"bob out: kicked (4001)\""},
		{"/?user=%22bob%22", "\"\\\"bob\\\"\""}, {"/?user=b%5Cx", "\"b\\\\x\""},
		{"/?user=J%C3%BCrgen", "\"J\xc3\xbcrgen\""},
		{"/?user=bob-7@home.example", "bob-7@home.example"},
		{"/?user=" QUOTES(QUOTES(QUOTES(QUOTES(QUOTES(QUOTES("%22")))))),
			"\"" QUOTES(QUOTES(
				QUOTES(QUOTES(QUOTES(QUOTES("\\\"")))))) "\""}, /* the longest */
	};
	struct rig *rig = *state;
	log_each(rig, true);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char in[192];
		char out[192];
		begin_catch();
		struct client *client = rig_connect(rig, 0, 0, false);
		client_request(client, names[i].target);
		rig_run(rig);
		client_leave(client);
		rig_run(rig);
		end_catch();
		snprintf(in, sizeof(in), "user %s in from unix conn=", names[i].shown);
		snprintf(out, sizeof(out), "user %s out: EOF after 0s conn=", names[i].shown);
		assert_true(has_line("INFO", in));
		assert_true(has_line("INFO", out));
	}
}

/* Who looks in and goes is no end of a session. */
static void test_who_was_not_upgraded_is_not_counted(void **state)
{
	struct rig *rig = *state;
	client_leave(rig_connect(rig, 0, 0, false));
	rig_run(rig);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_PEER_EOF), 1);
	assert_int_equal(counted(rig, CLOSE_REASON_PEER_EOF), 0);
}

static void test_a_reload_changes_it(void **state)
{
	struct rig *rig = *state;
	for (int wanted = LOG_SESSIONS_YES; wanted >= LOG_SESSIONS_NO; wanted--) {
		for (uint32_t i = 0; i < rig->worker_count; i++) {
			struct serving_change *change = calloc(1, sizeof(*change));
			assert_non_null(change);
			rig->config.log_sessions = (enum log_sessions)wanted;
			change->config = rig->config;
			change->mail.kind = SERVING_MAIL_RELOAD;
			rig->node.changes_pending++;
			serving_on_mail(&rig->workers[i], &change->mail);
			assert_int_equal(
				rig->workers[i].sessions.logs_each, wanted == LOG_SESSIONS_YES);
		}
	}
}

#define CASE(name) RIG_CASE(name, 3)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_one_line_for_each),
		CASE(test_names_are_not_taken_for_the_rest),
		CASE(test_none_where_they_are_summed_up),
		CASE(test_who_was_not_upgraded_is_not_counted),
		CASE(test_a_reload_changes_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
