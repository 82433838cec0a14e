#include <errno.h>
#include <linux/sockios.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "../../server/admin/http.h"
#include "../../server/tls/tls_store.h"
#include "certificate_rig.h"
#include "kept_findings.h"

enum {
	CLIENTS_MAX = 8,
	HEARD_MAX = 1 << 20, /* bytes that a client may hear, NUL included */
	ROUNDS = 8,          /* of the port, after which a handshake is done */
	MINUTE_MS = 60000,
	SECOND_MS = 1000,
};

static const char HEALTH[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
static const char OK[] = "HTTP/1.1 200 OK\r\n";

/* The port with TLS, on a Unix socket, where what is written has arrived; driven by hand, with a
 * clock that moves when the test says so. */
struct rig {
	struct admin_context context;
	struct node node;
	struct listeners listeners;
	struct loop loop;
	struct admin_http *http;
	char folder[32];
	uint64_t now_ms;
	struct config config;
	struct kept_findings kept;
};

static EVP_PKEY *key;
static SSL_CTX *client_context;

/* Owner: the case. */
struct client {
	int fd;
	SSL *ssl;
	size_t heard_len;
	char heard[HEARD_MAX];
};

/* --- the certificate ---------------------------------------------------------------------------
 */

static const char *path_of(const struct rig *rig, const char *name)
{
	static char path[64];
	snprintf(path, sizeof(path), "%s/%s", rig->folder, name);
	return path;
}

static void write_file(const struct rig *rig, const char *name, const char *text)
{
	FILE *file = fopen(path_of(rig, name), "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path_of(rig, name), 0600), 0);
}

static void write_pair(const struct rig *rig, const char *names)
{
	static char pem[RIG_PEM_MAX];
	X509 *made = rig_make_certificate(&(struct issue_wish){.key = key, .names = names});
	pem[0] = '\0';
	rig_add_certificate(made, pem);
	write_file(rig, "a.pem", pem);
	pem[0] = '\0';
	rig_add_key(key, NULL, pem);
	write_file(rig, "a.key", pem);
	X509_free(made);
}

/* Puts the files in force, which are looked at twice for that. */
static enum tls_news renew(struct rig *rig)
{
	char news[TLS_NEWS_MAX];
	tls_store_reload(rig->context.tls, &rig->config);
	tls_store_look(rig->context.tls, MINUTE_MS, RIG_NOW_S, &rig->kept.findings, news);
	return tls_store_look(
		rig->context.tls, MINUTE_MS + SECOND_MS, RIG_NOW_S, &rig->kept.findings, news);
}

/* --- clients -----------------------------------------------------------------------------------
 */

static void run(struct rig *rig)
{
	for (int i = 0; i < ROUNDS; i++) {
		admin_http_run(rig->http, rig->now_ms);
	}
}

static int dial(const struct rig *rig)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strcpy(address.sun_path, path_of(rig, "socket"));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Has said hello, and nothing more. */
static struct client *begin(const struct rig *rig)
{
	struct client *client = calloc(1, sizeof(*client));
	assert_non_null(client);
	client->fd = dial(rig);
	client->ssl = SSL_new(client_context);
	assert_non_null(client->ssl);
	assert_int_equal(SSL_set_fd(client->ssl, client->fd), 1);
	SSL_set_mode(
		client->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_set_connect_state(client->ssl);
	assert_int_equal(SSL_do_handshake(client->ssl), -1);
	return client;
}

static struct client *enter(struct rig *rig)
{
	struct client *client = begin(rig);
	run(rig);
	assert_int_equal(SSL_do_handshake(client->ssl), 1);
	run(rig);
	return client;
}

static void leave(struct client *client)
{
	ERR_clear_error();
	SSL_free(client->ssl);
	close(client->fd);
	free(client);
}

static void say(struct client *client, const char *text)
{
	assert_int_equal(SSL_write(client->ssl, text, (int)strlen(text)), strlen(text));
}

/* Takes what has come. Returns what OpenSSL says when there is no more. */
static int hear(struct client *client)
{
	int len;
	ERR_clear_error();
	do {
		size_t room = sizeof(client->heard) - 1 - client->heard_len;
		assert_true(room > 0);
		len = SSL_read(client->ssl, client->heard + client->heard_len, (int)room);
		client->heard_len += len > 0 ? (size_t)len : 0;
	} while (len > 0);
	client->heard[client->heard_len] = '\0';
	return SSL_get_error(client->ssl, len);
}

/* How often it stands in what the client has heard. */
static int count(const struct client *client, const char *text)
{
	int found = 0;
	for (const char *at = client->heard; (at = strstr(at, text)); at++) {
		found++;
	}
	return found;
}

/* --- cases -------------------------------------------------------------------------------------
 */

static void test_requests_and_the_end(void **state)
{
	struct rig *rig = *state;
	struct client *client = enter(rig);
	for (int i = 1; i <= 3; i++) {
		say(client, HEALTH);
		run(rig);
		assert_int_equal(hear(client), SSL_ERROR_WANT_READ);
		assert_int_equal(count(client, OK), i);
	}
	say(client, "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
	run(rig);
	assert_int_equal(hear(client), SSL_ERROR_ZERO_RETURN); /* close_notify: it is whole */
	assert_int_equal(count(client, OK), 4);
	leave(client);
	run(rig);
	assert_int_equal(rig->context.clients, 0);
}

static void test_a_clients_close_notify(void **state)
{
	struct rig *rig = *state;
	struct client *client = enter(rig);
	say(client, HEALTH);
	assert_int_equal(SSL_shutdown(client->ssl), 0);
	run(rig);
	assert_int_equal(hear(client), SSL_ERROR_ZERO_RETURN);
	assert_int_equal(count(client, OK), 1);
	leave(client);
}

/* More than a line reads at once lies in one record: no event of the socket tells of it. */
static void test_what_is_in_the_record_is_read(void **state)
{
	struct rig *rig = *state;
	enum {
		REQUESTS = 300
	};
	char requests[REQUESTS * sizeof(HEALTH)] = "";
	struct client *client = enter(rig);
	for (int i = 0; i < REQUESTS; i++) {
		strcat(requests, HEALTH);
	}
	assert_true(strlen(requests) > 8192 && strlen(requests) < 16384);
	say(client, requests);
	for (int i = 0; i < 10; i++) {
		run(rig);
		hear(client);
	}
	assert_int_equal(count(client, OK), REQUESTS);
	leave(client);
}

/* Nothing is read of who does not take his answers; what he is owed comes whole when he does. */
static void test_who_does_not_read_is_not_read(void **state)
{
	struct rig *rig = *state;
	static const char FILE_REQUEST[] = "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
	enum {
		REQUESTS = 4
	};
	struct client *client = enter(rig);
	for (int i = 0; i < REQUESTS; i++) {
		say(client, FILE_REQUEST);
	}
	say(client, HEALTH);
	run(rig);
	assert_int_equal(admin_http_requests(rig->http), 1);
	for (int i = 0; i < 100 && !strstr(client->heard, "\r\n\r\nok\n"); i++) {
		hear(client);
		run(rig);
	}
	hear(client);
	assert_int_equal(count(client, OK), REQUESTS + 1);
	assert_int_equal(count(client, "\"openapi\": "), REQUESTS);
	assert_string_equal(client->heard + client->heard_len - 3, "ok\n");
	leave(client);
}

/* Records in which nothing is hold the thread no longer than others. */
static void test_a_visit_is_a_record(void **state)
{
	struct rig *rig = *state;
	struct client *greedy = enter(rig);
	struct client *other = enter(rig);
	int left = 0;
	for (int i = 0; i < 200; i++) {
		assert_int_equal(SSL_key_update(greedy->ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(greedy->ssl), 1);
	}
	say(greedy, HEALTH);
	say(other, HEALTH);
	admin_http_run(rig->http, rig->now_ms);
	hear(other);
	assert_int_equal(count(other, OK), 1);
	assert_int_equal(ioctl(greedy->fd, SIOCOUTQ, &left), 0);
	assert_true(left > 0);
	for (int i = 0; i < 30; i++) {
		run(rig);
	}
	hear(greedy);
	assert_int_equal(count(greedy, OK), 1);
	leave(greedy);
	leave(other);
}

/* Its answers to key updates are not read: neither are more of those, nor does it spin. */
static void test_key_updates_that_nobody_reads(void **state)
{
	struct rig *rig = *state;
	struct client *client = enter(rig);
	int ret = 1;
	for (int i = 0; i < 100000 && ret == 1; i++) {
		SSL_key_update(client->ssl, SSL_KEY_UPDATE_REQUESTED);
		ret = SSL_do_handshake(client->ssl);
		admin_http_run(rig->http, rig->now_ms);
	}
	assert_int_not_equal(ret, 1);
	assert_int_equal(SSL_get_error(client->ssl, ret), SSL_ERROR_WANT_WRITE);
	assert_int_equal(rig->context.clients, 1);
	run(rig);
	assert_int_equal(loop_wait(&rig->loop, 0), 0); /* no event of its socket wakes the port */
	leave(client);
}

/* --- who has not come in -----------------------------------------------------------------------
 */

static void test_a_handshake_has_its_time(void **state)
{
	struct rig *rig = *state;
	struct client *half = begin(rig);
	int silent = dial(rig);
	for (int i = 0; i < 30; i++) {
		run(rig);
		assert_int_equal(rig->context.clients, 2);
		rig->now_ms += 1000;
	}
	run(rig);
	assert_int_equal(rig->context.clients, 0);
	leave(half);
	close(silent);
}

static void test_half_handshakes_make_room(void **state)
{
	struct rig *rig = *state;
	struct client *half[4 * CLIENTS_MAX];
	for (int i = 0; i < 4 * CLIENTS_MAX; i++) {
		half[i] = begin(rig);
		run(rig);
		assert_in_range(rig->context.clients, 1, CLIENTS_MAX);
	}
	struct client *client = enter(rig);
	say(client, HEALTH);
	run(rig);
	hear(client);
	assert_int_equal(count(client, OK), 1);
	leave(client);
	for (int i = 0; i < 4 * CLIENTS_MAX; i++) {
		leave(half[i]);
	}
}

/* Returns what has come in clear. */
static const char *hear_plain(int fd)
{
	static char answer[4096];
	ssize_t len = recv(fd, answer, sizeof(answer) - 1, 0);
	answer[len > 0 ? len : 0] = '\0';
	return answer;
}

static void test_plain_is_answered_in_plain(void **state)
{
	struct rig *rig = *state;
	int fd = dial(rig);
	assert_int_equal(send(fd, "P", 1, MSG_NOSIGNAL), 1);
	run(rig);
	const char *answer = hear_plain(fd);
	assert_int_equal(strncmp(answer, "HTTP/1.1 400 ", 13), 0);
	assert_non_null(strstr(answer, "https://"));
	assert_non_null(strstr(answer, "\r\nConnection: close\r\n"));
	/* What he goes on with is nobody's request. */
	assert_int_equal(send(fd, HEALTH, strlen(HEALTH), MSG_NOSIGNAL), strlen(HEALTH));
	run(rig);
	assert_string_equal(hear_plain(fd), "");
	assert_int_equal(recv(fd, &(char){0}, 1, 0), 0);
	close(fd);
	run(rig);
	assert_int_equal(rig->context.clients, 0);
	assert_int_equal(rig->context.requests, 0);
}

/* It gets its alert, and is no longer deciphered. */
static void test_a_broken_handshake(void **state)
{
	static const uint8_t garbage[] = {22, 3, 1, 0, 4, 99, 0, 0, 0};
	uint8_t answer[64];
	struct rig *rig = *state;
	int fd = dial(rig);
	assert_int_equal(send(fd, garbage, sizeof(garbage), MSG_NOSIGNAL), sizeof(garbage));
	run(rig);
	ssize_t len = recv(fd, answer, sizeof(answer), 0);
	assert_int_equal(len, 7);
	assert_int_equal(answer[0], 21); /* alert */
	assert_int_equal(answer[5], 2);  /* fatal */
	assert_int_equal(recv(fd, answer, sizeof(answer), 0), 0);
	close(fd);
	run(rig);
	assert_int_equal(rig->context.clients, 0);
}

/* --- certificates ------------------------------------------------------------------------------
 */

static bool shows(const struct client *client, const char *host)
{
	return X509_check_host(SSL_get0_peer_certificate(client->ssl), host, 0, 0, NULL) == 1;
}

static void test_newcomers_get_what_is_in_force(void **state)
{
	struct rig *rig = *state;
	struct client *before = enter(rig);
	struct client *half = begin(rig);
	run(rig);
	write_pair(rig, "DNS:fresh.example.org");
	assert_int_equal(renew(rig), TLS_NEWS_CHANGED);
	struct client *after = enter(rig);
	assert_int_equal(SSL_do_handshake(half->ssl), 1);
	assert_true(shows(before, "chat.example.org"));
	assert_true(shows(half, "chat.example.org"));
	assert_true(shows(after, "fresh.example.org"));
	struct client *const all[] = {before, half, after};
	for (size_t i = 0; i < 3; i++) {
		say(all[i], HEALTH);
		run(rig);
		hear(all[i]);
		assert_int_equal(count(all[i], OK), 1);
		leave(all[i]);
	}
}

/* --- life --------------------------------------------------------------------------------------
 */

static void make_store(struct rig *rig)
{
	kept_findings_init(&rig->kept);
	write_pair(rig, NULL);
	strcpy(rig->config.tls_cert[0], path_of(rig, "a.pem"));
	strcpy(rig->config.tls_key[0], path_of(rig, "a.key"));
	rig->config.tls_cert_count = rig->config.tls_key_count = 1;
	assert_int_equal(
		tls_store_create(&rig->config, RIG_NOW_S, &rig->kept.findings, &rig->context.tls),
		0);
}

static int setup(void **state)
{
	static struct rig rig;
	char error[CONFIG_ERROR_MAX];
	char address[80];
	rig = (struct rig){
		.folder = "/tmp/tidegate-admin-XXXXXX", .loop = LOOP_EMPTY, .now_ms = 1000000};
	assert_non_null(mkdtemp(rig.folder));
	make_store(&rig);
	snprintf(address, sizeof(address), "unix:%s", path_of(&rig, "socket"));
	config_init(&rig.context.config);
	rig.node.budget.limit = SIZE_MAX;
	rig.context.node = &rig.node;
	rig.context.origin.is_unix = true;
	assert_int_equal(listeners_open_admin(&rig.listeners, address, error), 0);
	assert_int_equal(loop_init(&rig.loop, 4), 0);
	assert_int_equal(
		admin_http_create(&rig.context, &rig.listeners, CLIENTS_MAX, &rig.loop, &rig.http),
		0);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"a.pem", "a.key", "socket.lock"};
	struct rig *rig = *state;
	admin_http_destroy(&rig->http);
	loop_finish(&rig->loop);
	listeners_close(&rig->listeners);
	assert_int_equal(rig->context.clients, 0);
	tls_store_destroy(&rig->context.tls);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		unlink(path_of(rig, names[i]));
	}
	return rmdir(rig->folder);
}

static int make_client(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	key = rig_ec_key("P-256");
	client_context = SSL_CTX_new(TLS_client_method());
	return client_context ? 0 : -1;
}

static int free_client(void **state)
{
	SSL_CTX_free(client_context);
	EVP_PKEY_free(key);
	return 0;
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_requests_and_the_end),
		TEST(test_a_clients_close_notify),
		TEST(test_what_is_in_the_record_is_read),
		TEST(test_who_does_not_read_is_not_read),
		TEST(test_a_visit_is_a_record),
		TEST(test_key_updates_that_nobody_reads),
		TEST(test_a_handshake_has_its_time),
		TEST(test_half_handshakes_make_room),
		TEST(test_plain_is_answered_in_plain),
		TEST(test_a_broken_handshake),
		TEST(test_newcomers_get_what_is_in_force),
	};
	return cmocka_run_group_tests(tests, make_client, free_client);
}
