#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/cluster/link.h"
#include "../../server/cluster/link_message.h"

static void test_copies_are_its_own(void **state)
{
	struct link_message *message;
	char name[] = "push";
	char reply[] = "_INBOX.1";
	uint8_t data[] = {1, 0, 2};

	assert_int_equal(link_message_create(
				 LINK_REQUEST, name, reply, data, sizeof(data), NULL, 0, &message),
		0);
	memset(name, 'x', sizeof(name));
	memset(reply, 'x', sizeof(reply));
	memset(data, 'x', sizeof(data));
	assert_int_equal(message->about, LINK_REQUEST);
	assert_string_equal(message->name, "push");
	assert_string_equal(message->reply, "_INBOX.1");
	assert_int_equal(message->len, 3);
	assert_memory_equal(message->data, "\1\0\2", 4); /* and a NUL */
	link_message_free(&message);
	assert_null(message);
	link_message_free(&message);
}

static void test_nothing_is_a_message_too(void **state)
{
	struct link_message *message;

	assert_int_equal(link_message_create(LINK_FROM_ALL, "", "", NULL, 0, NULL, 0, &message), 0);
	assert_int_equal(message->len, 0);
	assert_int_equal(message->data[0], 0);
	link_message_free(&message);
}

static void test_what_is_charged_comes_back(void **state)
{
	_Atomic size_t charged = 0;
	struct link_message *message;
	struct link_message *second = NULL;
	uint8_t data[100] = {0};

	assert_int_equal(link_message_create(LINK_FROM_ALL, "", "", data, sizeof(data), &charged,
				 1000, &message),
		0);
	size_t size = atomic_load(&charged);
	assert_in_range(size, sizeof(*message) + sizeof(data), sizeof(*message) + sizeof(data) + 8);
	assert_int_equal(link_message_create(LINK_FROM_ALL, "", "", data, sizeof(data), &charged,
				 2 * size - 1, &second),
		-ENOBUFS);
	assert_null(second);
	assert_int_equal(atomic_load(&charged), size);
	assert_int_equal(link_message_create(LINK_FROM_ALL, "", "", data, sizeof(data), &charged,
				 2 * size, &second),
		0);
	link_message_free(&message);
	assert_int_equal(atomic_load(&charged), size);
	link_message_free(&second);
	assert_int_equal(atomic_load(&charged), 0);
}

static void test_long_names_are_refused(void **state)
{
	_Atomic size_t charged = 0;
	struct link_message *message = NULL;
	char name[LINK_NAME_MAX + 1];

	memset(name, 'n', LINK_NAME_MAX);
	name[LINK_NAME_MAX] = '\0';
	assert_int_equal(
		link_message_create(LINK_REQUEST, name, "", NULL, 0, &charged, 9999, &message),
		-ENAMETOOLONG);
	assert_int_equal(
		link_message_create(LINK_REQUEST, "", name, NULL, 0, &charged, 9999, &message),
		-ENAMETOOLONG);
	assert_null(message);
	assert_int_equal(atomic_load(&charged), 0);
	name[LINK_NAME_MAX - 1] = '\0';
	assert_int_equal(
		link_message_create(LINK_REQUEST, name, name, NULL, 0, &charged, 9999, &message),
		0);
	assert_string_equal(message->name, name);
	link_message_free(&message);
}

static void test_each_loss_has_a_word_of_its_own(void **state)
{
	for (int i = 0; i < LINK_LOST_COUNT; i++) {
		assert_true(strlen(link_lost_name((enum link_lost)i)) > 0);
		for (int j = 0; j < i; j++) {
			assert_string_not_equal(link_lost_name((enum link_lost)i),
				link_lost_name((enum link_lost)j));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copies_are_its_own),
		cmocka_unit_test(test_nothing_is_a_message_too),
		cmocka_unit_test(test_what_is_charged_comes_back),
		cmocka_unit_test(test_long_names_are_refused),
		cmocka_unit_test(test_each_loss_has_a_word_of_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
