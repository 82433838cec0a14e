#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../server/base/mailbox.h"

enum {
	PRODUCERS = 4,
	LETTERS = 30000,        /* of each producer */
	GIVE_UP_MS = 60 * 1000, /* a wake-up that takes that long was missed */
};

struct letter {
	struct mail mail;
	uint32_t number;
	sem_t *receipt; /* posted when the letter has come; NULL: nobody waits */
};

static int watch_bell(struct mailbox *mailbox)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	assert_true(epoll_fd >= 0);
	assert_int_equal(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, mailbox_bell_fd(mailbox), &event), 0);
	return epoll_fd;
}

static bool has_rung(int epoll_fd, int timeout_ms)
{
	struct epoll_event event;
	return epoll_wait(epoll_fd, &event, 1, timeout_ms) == 1;
}

static uint32_t take_kind(struct mailbox *mailbox)
{
	struct mail *mail = NULL;
	assert_int_equal(mailbox_take(mailbox, &mail), MAILBOX_MAIL);
	return mail->kind;
}

static void test_first_in_first_out(void **state)
{
	struct mailbox *mailbox;
	struct mail mails[10];
	struct mail *mail = NULL;

	assert_int_equal(mailbox_create(&mailbox), 0);
	assert_int_equal(mailbox_take(mailbox, &mail), MAILBOX_EMPTY);
	for (uint32_t i = 0; i < 10; i++) {
		mails[i].kind = i;
		mailbox_post(mailbox, &mails[i]);
		if (i == 4) {
			assert_int_equal(take_kind(mailbox), 0);
		}
	}
	for (uint32_t i = 1; i < 10; i++) {
		assert_int_equal(take_kind(mailbox), i);
	}
	assert_int_equal(mailbox_take(mailbox, &mail), MAILBOX_EMPTY);
	assert_null(mail);
	mailbox_destroy(&mailbox);
	assert_null(mailbox);
	mailbox_destroy(&mailbox);
}

static void note_kind(void *context, struct mail *mail)
{
	uint32_t *next = context;
	assert_int_equal(mail->kind, *next);
	++*next;
}

/* No more at once than is asked for, and whoever has had all may sleep. */
static void test_some_at_once(void **state)
{
	struct mailbox *mailbox;
	struct mail mails[5];
	uint32_t next = 0;

	assert_int_equal(mailbox_create(&mailbox), 0);
	for (uint32_t i = 0; i < 5; i++) {
		mails[i].kind = i;
		mailbox_post(mailbox, &mails[i]);
	}
	assert_int_equal(mailbox_take_some(mailbox, 2, note_kind, &next), 0);
	assert_int_equal(next, 2);
	assert_int_equal(mailbox_take_some(mailbox, 3, note_kind, &next), 0);
	assert_int_equal(next, 5);
	assert_int_equal(mailbox_take_some(mailbox, 3, note_kind, &next), -1);
	assert_int_equal(next, 5);
	mailbox_destroy(&mailbox);
}

static void test_rings_once_for_a_burst_and_again_after_empty(void **state)
{
	struct mailbox *mailbox;
	struct mail mails[3];
	struct mail *mail;

	assert_int_equal(mailbox_create(&mailbox), 0);
	int epoll_fd = watch_bell(mailbox);
	assert_false(has_rung(epoll_fd, 0));
	for (unsigned round = 0; round < 100; round++) {
		mailbox_post(mailbox, &mails[0]);
		assert_true(has_rung(epoll_fd, 0));
		mailbox_post(mailbox, &mails[1]);
		mailbox_post(mailbox, &mails[2]);
		assert_false(has_rung(epoll_fd, 0));
		while (mailbox_take(mailbox, &mail) == MAILBOX_MAIL) {
		}
	}
	close(epoll_fd);
	mailbox_destroy(&mailbox);
}

static void test_ring_without_mail(void **state)
{
	struct mailbox *mailbox;
	struct mail *mail;

	assert_int_equal(mailbox_create(&mailbox), 0);
	int epoll_fd = watch_bell(mailbox);
	for (unsigned round = 0; round < 3; round++) {
		errno = EDOM;
		mailbox_ring(mailbox);
		assert_int_equal(errno, EDOM);
		assert_true(has_rung(epoll_fd, 0)); /* an edge each, though nobody reads */
		assert_false(has_rung(epoll_fd, 0));
		assert_int_equal(mailbox_take(mailbox, &mail), MAILBOX_EMPTY);
	}
	close(epoll_fd);
	mailbox_destroy(&mailbox);
}

/* --- many producers
 * ---------------------------------------------------------------------------------- */

struct producer {
	pthread_t thread;
	struct mailbox *mailbox;
	uint32_t kind;
	bool waits; /* for each letter's receipt: puts the owner to sleep and wakes it all the time
		     */
	sem_t receipt;
};

static void *run_producer(void *argument)
{
	struct producer *producer = argument;

	for (uint32_t number = 0; number < LETTERS; number++) {
		struct letter *letter = malloc(sizeof(*letter));
		if (!letter) {
			abort();
		}
		*letter = (struct letter){
			.mail.kind = producer->kind,
			.number = number,
			.receipt = producer->waits ? &producer->receipt : NULL,
		};
		mailbox_post(producer->mailbox, &letter->mail);
		while (producer->waits && sem_wait(&producer->receipt) < 0) {
		}
	}
	return NULL;
}

/* Checks the order, then frees the letter: nobody may look at it any more. */
static void receive(struct mail *mail, uint32_t next_numbers[PRODUCERS])
{
	struct letter *letter = (struct letter *)mail;
	sem_t *receipt = letter->receipt;

	assert_in_range(letter->mail.kind, 0, PRODUCERS - 1);
	assert_int_equal(letter->number, next_numbers[letter->mail.kind]);
	next_numbers[letter->mail.kind]++;
	free(letter);
	if (receipt) {
		sem_post(receipt);
	}
}

/* As a worker does: takes until empty, then sleeps until the bell rings. */
static void receive_all(struct mailbox *mailbox, int epoll_fd)
{
	uint32_t next_numbers[PRODUCERS] = {0};
	struct mail *mail;
	size_t count = 0;

	while (count < (size_t)PRODUCERS * LETTERS) {
		switch (mailbox_take(mailbox, &mail)) {
		case MAILBOX_MAIL:
			receive(mail, next_numbers);
			count++;
			break;
		case MAILBOX_EMPTY:
			assert_true(has_rung(epoll_fd, GIVE_UP_MS));
			break;
		case MAILBOX_LATER:
			sched_yield();
			break;
		}
	}
	assert_int_equal(mailbox_take(mailbox, &mail), MAILBOX_EMPTY);
}

static void check_producers(unsigned waiting_count)
{
	struct producer producers[PRODUCERS];
	struct mailbox *mailbox;

	assert_int_equal(mailbox_create(&mailbox), 0);
	int epoll_fd = watch_bell(mailbox);
	for (uint32_t i = 0; i < PRODUCERS; i++) {
		producers[i].mailbox = mailbox;
		producers[i].kind = i;
		producers[i].waits = i < waiting_count;
		assert_int_equal(sem_init(&producers[i].receipt, 0, 0), 0);
		assert_int_equal(
			pthread_create(&producers[i].thread, NULL, run_producer, &producers[i]), 0);
	}
	receive_all(mailbox, epoll_fd);
	for (uint32_t i = 0; i < PRODUCERS; i++) {
		assert_int_equal(pthread_join(producers[i].thread, NULL), 0);
		sem_destroy(&producers[i].receipt);
	}
	close(epoll_fd);
	mailbox_destroy(&mailbox);
}

static void test_flood_keeps_each_order(void **state)
{
	check_producers(0);
}

static void test_no_wake_up_is_missed(void **state)
{
	check_producers(PRODUCERS);
}

static void test_flood_beside_conversations(void **state)
{
	check_producers(PRODUCERS / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_in_first_out),
		cmocka_unit_test(test_some_at_once),
		cmocka_unit_test(test_rings_once_for_a_burst_and_again_after_empty),
		cmocka_unit_test(test_ring_without_mail),
		cmocka_unit_test(test_flood_keeps_each_order),
		cmocka_unit_test(test_no_wake_up_is_missed),
		cmocka_unit_test(test_flood_beside_conversations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
