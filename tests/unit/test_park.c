/* Threads at a gate, and what they own meanwhile: nothing in it is atomic, so that a thread
 * sanitizer sees who orders what. */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include <cmocka.h>

#include "../../server/base/park.h"

enum {
	WALKERS = 3,
	ROUNDS = 300,
	ASKS = 7, /* kind of the mail that asks */
	STOPS = 8,
	WAIT_MS = 60000, /* for what has to happen */
};

/* A thread that counts its turns. */
struct walker {
	struct park *park;
	struct park_seat seat;
	struct mailbox *mailbox;
	struct mail stop;
	pthread_t thread;
	bool is_stopping;
	bool was_dismissed;
	atomic_bool is_held; /* takes no mail */
	uint64_t turns;
	uint64_t steps;         /* the keeper's, and in each turn seen to be so */
	_Atomic uint64_t asked; /* times that the mail has come */
	_Atomic uint64_t laps;  /* turns, for who waits for the next one */
};

/* Or for a moment: laps are to go on. */
static void wait_for_bell(struct walker *walker)
{
	struct pollfd bell = {.fd = mailbox_bell_fd(walker->mailbox), .events = POLLIN};
	eventfd_t rung;
	if (poll(&bell, 1, 1) > 0) {
		eventfd_read(bell.fd, &rung);
	}
}

static void take(struct walker *walker)
{
	struct mail *mail;
	if (mailbox_take(walker->mailbox, &mail) != MAILBOX_MAIL) {
		wait_for_bell(walker);
	} else if (mail->kind == ASKS) {
		walker->asked++;
		park_on_mail(&walker->seat);
	} else {
		walker->is_stopping = true;
	}
}

static void *walk(void *context)
{
	struct walker *walker = context;
	while (!walker->is_stopping) {
		walker->turns++;
		walker->laps++;
		if (walker->is_held) {
			wait_for_bell(walker);
		} else {
			take(walker);
		}
		if (park_is_told(&walker->seat) && !park_stand(walker->park, &walker->seat)) {
			walker->was_dismissed = true;
			return NULL;
		}
	}
	return NULL;
}

struct rig {
	struct park park;
	struct walker walkers[WALKERS];
};

static int setup(void **state)
{
	static struct rig rig;
	char name[PARK_NAME_MAX];
	memset(&rig, 0, sizeof(rig));
	park_init(&rig.park);
	for (int i = 0; i < WALKERS; i++) {
		struct walker *walker = &rig.walkers[i];
		walker->park = &rig.park;
		snprintf(name, sizeof(name), "walker-%d", i);
		park_seat_init(&walker->seat, name);
		assert_int_equal(mailbox_create(&walker->mailbox), 0);
		assert_int_equal(pthread_create(&walker->thread, NULL, walk, walker), 0);
	}
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	struct mail *mail;
	park_open(&rig->park);
	for (int i = 0; i < WALKERS; i++) {
		struct walker *walker = &rig->walkers[i];
		walker->is_held = false;
		walker->stop.kind = STOPS;
		mailbox_post(walker->mailbox, &walker->stop);
		pthread_join(walker->thread, NULL);
		while (mailbox_take(walker->mailbox, &mail) == MAILBOX_MAIL) {
		}
		mailbox_destroy(&walker->mailbox);
	}
	park_finish(&rig->park);
	return 0;
}

/* It takes no mail from now on. */
static void hold(struct walker *walker)
{
	walker->is_held = true;
	const uint64_t lap = walker->laps;
	while (walker->laps < lap + 2) {
		sched_yield();
	}
}

static void ask(struct rig *rig, int i)
{
	park_ask(&rig->park, &rig->walkers[i].seat, rig->walkers[i].mailbox, ASKS);
}

static void ask_all(struct rig *rig)
{
	char missing[PARK_MISSING_MAX];
	for (int i = 0; i < WALKERS; i++) {
		ask(rig, i);
	}
	assert_int_equal(park_await(&rig->park, WAIT_MS, missing), 0);
	assert_string_equal(missing, "");
}

static void test_all_that_is_theirs_is_the_keepers(void **state)
{
	struct rig *rig = *state;
	for (uint64_t round = 0; round < ROUNDS; round++) {
		ask_all(rig);
		for (int i = 0; i < WALKERS; i++) {
			struct walker *walker = &rig->walkers[i];
			assert_true(park_has(&rig->park, &walker->seat));
			assert_true(walker->turns > walker->steps);
			assert_int_equal(walker->asked, round + 1);
			walker->steps = walker->turns;
		}
		park_open(&rig->park);
	}
}

static void test_nobody_has_to_come(void **state)
{
	struct rig *rig = *state;
	char missing[PARK_MISSING_MAX];
	assert_int_equal(park_await(&rig->park, 0, missing), 0);
	park_open(&rig->park);
	assert_false(park_has(&rig->park, &rig->walkers[0].seat));
	assert_false(park_is_wanted(&rig->park, &rig->walkers[0].seat));
}

static void test_who_does_not_come_is_named(void **state)
{
	struct rig *rig = *state;
	char missing[PARK_MISSING_MAX];
	hold(&rig->walkers[0]);
	hold(&rig->walkers[2]);
	for (int i = 0; i < WALKERS; i++) {
		ask(rig, i);
	}
	while (!park_has(&rig->park, &rig->walkers[1].seat)) {
		sched_yield();
	}
	assert_int_equal(park_await(&rig->park, 1, missing), 2);
	assert_non_null(strstr(missing, "walker-0"));
	assert_non_null(strstr(missing, "walker-2"));
	assert_non_null(strstr(missing, ", "));
	assert_null(strstr(missing, "walker-1"));
	park_open(&rig->park);
}

/* Whoever was let go before the mail was taken does not stand when it is; and a mail that is still
 * there is not posted a second time. */
static void test_asked_again_before_it_has_come(void **state)
{
	struct rig *rig = *state;
	char missing[PARK_MISSING_MAX];
	struct walker *walker = &rig->walkers[0];
	hold(walker);
	for (int i = 0; i < 3; i++) {
		ask(rig, 0);
		ask(rig, 0);
		assert_int_equal(park_await(&rig->park, 0, missing), 1);
		assert_string_equal(missing, "walker-0");
		park_open(&rig->park);
	}
	ask(rig, 0);
	walker->is_held = false;
	assert_int_equal(park_await(&rig->park, WAIT_MS, missing), 0);
	assert_int_equal(walker->asked, 1);
	park_open(&rig->park);
	hold(walker);
	ask(rig, 0);
	park_open(&rig->park);
	walker->is_held = false;
	while (walker->asked < 2) {
		sched_yield();
	}
	ask(rig, 0);
	assert_int_equal(park_await(&rig->park, WAIT_MS, missing), 0);
	park_open(&rig->park);
}

static void test_one_goes_on_and_the_others_stand(void **state)
{
	struct rig *rig = *state;
	char missing[PARK_MISSING_MAX];
	ask_all(rig);
	park_let_go(&rig->park, &rig->walkers[1].seat);
	assert_true(park_has(&rig->park, &rig->walkers[0].seat));
	assert_false(park_has(&rig->park, &rig->walkers[1].seat));
	assert_true(park_has(&rig->park, &rig->walkers[2].seat));
	ask(rig, 1);
	assert_int_equal(park_await(&rig->park, WAIT_MS, missing), 0);
	assert_int_equal(rig->walkers[1].asked, 2);
	assert_int_equal(rig->walkers[0].asked, 1);
	park_open(&rig->park);
}

static void test_who_is_dismissed_ends(void **state)
{
	struct rig *rig = *state;
	ask_all(rig);
	const uint64_t turns = rig->walkers[2].turns;
	park_dismiss(&rig->park, &rig->walkers[2].seat);
	park_open(&rig->park);
	pthread_join(rig->walkers[2].thread, NULL);
	assert_true(rig->walkers[2].was_dismissed);
	assert_int_equal(rig->walkers[2].turns, turns);
	assert_int_equal(pthread_create(&rig->walkers[2].thread, NULL, walk, &rig->walkers[2]), 0);
}

static void test_a_text_for_many(void **state)
{
	struct park park;
	struct park_seat seats[40];
	struct mailbox *mailbox;
	struct mail *mail;
	char missing[PARK_MISSING_MAX];
	(void)state;
	park_init(&park);
	assert_int_equal(mailbox_create(&mailbox), 0);
	for (int i = 0; i < 40; i++) {
		park_seat_init(&seats[i], "a thread whose name is much too long for a seat");
		assert_int_equal(strlen(seats[i].name), PARK_NAME_MAX - 1);
		park_ask(&park, &seats[i], mailbox, ASKS);
	}
	assert_int_equal(park_await(&park, 0, missing), 40);
	assert_int_equal(strlen(missing), PARK_MISSING_MAX - 1);
	park_open(&park);
	for (int i = 0; i < 40; i++) {
		assert_int_equal(mailbox_take(mailbox, &mail), MAILBOX_MAIL);
		assert_int_equal(mail->kind, ASKS);
		assert_true(park_stand(&park, &seats[i])); /* not at all */
	}
	mailbox_destroy(&mailbox);
	park_finish(&park);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_all_that_is_theirs_is_the_keepers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_has_to_come, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_does_not_come_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_asked_again_before_it_has_come, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_one_goes_on_and_the_others_stand, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_is_dismissed_ends, setup, teardown),
		cmocka_unit_test(test_a_text_for_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
