/* Hosts that are names, with a resolver that answers when the test says so. */
#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netdb.h>

#include "../../tools/client/tidegate-client.h"
#include "open_descriptors.h"
#include "scripted_gateway.h"

/* --- The resolver ---------------------------------------------------------------------------- */

static struct {
	sem_t asked;    /* posted for each question that waits */
	sem_t may_go;   /* what it waits for */
	sem_t answered; /* posted when it has */
	bool has_signals;
} resolver;

int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
	struct addrinfo **ret_list);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
	struct addrinfo **ret_list);

static void wait_for(sem_t *semaphore)
{
	while (sem_wait(semaphore) < 0) {
	}
}

static bool takes_signals(void)
{
	sigset_t blocked;
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	return !sigismember(&blocked, SIGINT) || !sigismember(&blocked, SIGTERM) ||
	       !sigismember(&blocked, SIGCHLD) || !sigismember(&blocked, SIGUSR1);
}

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
	struct addrinfo **ret_list)
{
	if (hints->ai_flags & AI_NUMERICHOST) {
		return __real_getaddrinfo(host, service, hints, ret_list);
	}
	resolver.has_signals |= takes_signals();
	sem_post(&resolver.asked);
	wait_for(&resolver.may_go);
	const int error = strcmp(host, "gate.example") == 0
				  ? __real_getaddrinfo("127.0.0.1", service, hints, ret_list)
				  : EAI_NONAME;
	sem_post(&resolver.answered);
	return error;
}

static int begin_resolver(void **state)
{
	return sem_init(&resolver.asked, 0, 0) | sem_init(&resolver.may_go, 0, 0) |
	       sem_init(&resolver.answered, 0, 0);
}

/* Nobody is left who waits for it. */
static void let_go(unsigned questions)
{
	for (unsigned i = 0; i < questions; i++) {
		sem_post(&resolver.may_go);
	}
	for (unsigned i = 0; i < questions; i++) {
		wait_for(&resolver.answered);
	}
}

/* --- The client ------------------------------------------------------------------------------ */

static struct tg_client *make_client(const char *url)
{
	struct tg_client *client;

	assert_int_equal(tg_client_create(&client), TG_OK);
	assert_int_equal(tg_client_set_url(client, url), TG_OK);
	assert_int_equal(tg_client_set_user(client, "bob"), TG_OK);
	tg_client_set_close_timeout_ms(client, 10000); /* for machines under load */
	return client;
}

static bool is_ready(const struct tg_client *client)
{
	struct pollfd waiting = {.fd = tg_client_fd(client), .events = tg_client_events(client)};
	return poll(&waiting, 1, 0) > 0;
}

static void be_there(struct gateway *gateway)
{
	GATEWAY_STEP(gateway, gateway_open(gateway));
	GATEWAY_STEP(gateway, gateway_is_left(gateway));
}

static void log_out_when_in(
	struct tg_client *client, const struct tg_state_change *change, void *data)
{
	if (change->to == TG_STATE_CONNECTED) {
		tg_client_logout(client);
	}
}

/* A loop has other things to do meanwhile, and is not woken for nothing. */
static void a_slow_resolver_holds_nobody_up(void **state)
{
	struct gateway gateway;
	char url[64];

	gateway_start(&gateway, be_there, NULL);
	snprintf(url, sizeof(url), "ws://gate.example:%s", strrchr(gateway.url, ':') + 1);
	struct tg_client *client = make_client(url);
	tg_client_set_connect_timeout_ms(client, 60000);
	tg_client_on_state(client, log_out_when_in);
	assert_int_equal(tg_client_connect(client), TG_OK);
	wait_for(&resolver.asked);
	assert_int_equal(tg_client_process(client), TG_OK);
	assert_false(is_ready(client));
	assert_int_equal(tg_client_state(client), TG_STATE_CONNECTING);
	let_go(1);
	assert_int_equal(tg_client_run(client), TG_OK);
	gateway_stop(&gateway);
	assert_string_equal(gateway.user, "bob");
	assert_false(resolver.has_signals);
	tg_client_destroy(client);
}

/* The resolver cannot be stopped; the client can, and leaves nothing open. */
static void nobody_has_to_wait_for_the_resolver(void **state)
{
	for (unsigned logs_out = 0; logs_out < 2; logs_out++) {
		const unsigned before = open_descriptors();
		struct tg_client *client = make_client("ws://gate.example:1");

		assert_int_equal(tg_client_connect(client), TG_OK);
		wait_for(&resolver.asked);
		if (logs_out) {
			assert_int_equal(tg_client_logout(client), TG_OK);
			assert_int_equal(tg_client_state(client), TG_STATE_CLOSED);
			assert_int_equal(tg_client_status(client), TG_ERR_ABORTED);
			assert_int_equal(tg_client_wait(client, -1), TG_OK);
		}
		tg_client_destroy(client);
		assert_int_equal(open_descriptors(), before);
		let_go(1);
	}
}

static bool is_asked(void)
{
	return sem_trywait(&resolver.asked) == 0;
}

/* However often a client dials meanwhile, one thread waits for the resolver. */
static void one_question_at_a_time(void **state)
{
	struct tg_client *client = make_client("ws://nowhere.example");

	assert_int_equal(tg_client_connect(client), TG_OK);
	wait_for(&resolver.asked);
	for (unsigned login = 0; login < 10; login++) {
		assert_int_equal(tg_client_logout(client), TG_OK);
		assert_int_equal(tg_client_connect(client), TG_OK);
	}
	let_go(1);
	assert_int_equal(tg_client_run(client), TG_ERR_RESOLVE);
	assert_false(is_asked());

	/* Another host is another question. */
	assert_int_equal(tg_client_connect(client), TG_OK);
	wait_for(&resolver.asked);
	assert_int_equal(tg_client_logout(client), TG_OK);
	assert_int_equal(tg_client_set_url(client, "ws://elsewhere.example"), TG_OK);
	assert_int_equal(tg_client_connect(client), TG_OK);
	wait_for(&resolver.asked);
	let_go(2);
	assert_int_equal(tg_client_run(client), TG_ERR_RESOLVE);
	assert_non_null(strstr(tg_client_detail(client), "elsewhere.example: "));
	tg_client_destroy(client);
}

struct lateness {
	unsigned late;    /* dials that were given up before the resolver had answered */
	unsigned unknown; /* and those that had the answer */
};

static void answer_the_third(struct tg_client *client, const struct tg_error *error, void *data)
{
	struct lateness *lateness = data;

	if (error->status == TG_ERR_RESOLVE) {
		lateness->unknown++;
		tg_client_logout(client);
		return;
	}
	assert_int_equal(error->status, TG_ERR_CONNECT_TIMEOUT);
	if (++lateness->late == 3) {
		let_go(1);
	}
}

/* Slower than each dial, but it answers: the answer counts, and was asked for once. */
static void a_late_answer_is_used_by_the_next_dial(void **state)
{
	struct tg_client *client = make_client("ws://nowhere.example");
	struct lateness lateness = {0};

	tg_client_set_connect_timeout_ms(client, 5);
	tg_client_set_reconnect_delay_ms(client, 1, 2);
	tg_client_set_retry_login(client, true);
	tg_client_set_user_data(client, &lateness);
	tg_client_on_error(client, answer_the_third);
	assert_int_equal(tg_client_run(client), TG_OK);
	assert_true(lateness.late >= 3);
	assert_int_equal(lateness.unknown, 1);
	wait_for(&resolver.asked);
	assert_false(is_asked());
	tg_client_destroy(client);
}

static void what_is_not_known_is_named(void **state)
{
	struct tg_client *client = make_client("ws://nowhere.example:8000/x");

	assert_int_equal(tg_client_connect(client), TG_OK);
	let_go(1);
	assert_int_equal(tg_client_run(client), TG_ERR_RESOLVE);
	assert_string_equal(tg_client_detail(client), "nowhere.example: Name or service not known");
	tg_client_destroy(client);
	wait_for(&resolver.asked);
}

/* Three times the time of an address. */
static void a_resolver_that_never_answers_is_given_up(void **state)
{
	struct tg_client *client = make_client("ws://gate.example:8000");
	struct tg_stats stats;

	tg_client_set_connect_timeout_ms(client, 5);
	assert_int_equal(tg_client_run(client), TG_ERR_CONNECT_TIMEOUT);
	assert_string_equal(
		tg_client_detail(client), "gate.example:8000: the resolver did not answer in time");
	tg_client_stats(client, &stats, sizeof(stats));
	assert_int_equal(stats.dials, 1);
	tg_client_destroy(client);
	let_go(1);
	wait_for(&resolver.asked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slow_resolver_holds_nobody_up),
		cmocka_unit_test(nobody_has_to_wait_for_the_resolver),
		cmocka_unit_test(one_question_at_a_time),
		cmocka_unit_test(a_late_answer_is_used_by_the_next_dial),
		cmocka_unit_test(what_is_not_known_is_named),
		cmocka_unit_test(a_resolver_that_never_answers_is_given_up),
	};
	return cmocka_run_group_tests(tests, begin_resolver, NULL);
}
