#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../proto/audience.h"

static struct audience of(const char *written)
{
	return audience_of((struct slice){written, strlen(written)});
}

static void assert_is(const char *written, enum audience_kind kind, const char *name)
{
	const struct audience audience = of(written);
	assert_int_equal(audience.kind, kind);
	assert_int_equal(audience.name.len, strlen(name));
	assert_memory_equal(audience.name.data, name, strlen(name));
}

static void each_kind(void **state)
{
	assert_int_equal(of("").kind, AUDIENCE_EVERYBODY);
	assert_is("@bob", AUDIENCE_USER, "bob");
	assert_is("#team-1", AUDIENCE_ROOM, "team-1");
	/* A mark may be part of a name. */
	assert_is("@@", AUDIENCE_USER, "@");
	assert_is("#@bob", AUDIENCE_ROOM, "@bob");
	assert_is("@\xe4\xb8\xad", AUDIENCE_USER, "\xe4\xb8\xad");
}

static void what_is_none(void **state)
{
	static const char *const none[] = {"@", "#", "bob", " @bob", "@ bob", "#bob ", "@-- FROM x",
		"@\x01", "@\xff", "*", "#\xe2\x80\xae"};
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
		assert_int_equal(of(none[i]).kind, AUDIENCE_INVALID);
	}
}

static void the_longest(void **state)
{
	char written[AUDIENCE_MAX + 1];
	memset(written, 'x', sizeof written);
	written[0] = '#';
	struct audience audience = audience_of((struct slice){written, AUDIENCE_MAX});
	assert_int_equal(audience.kind, AUDIENCE_ROOM);
	audience = audience_of((struct slice){written, AUDIENCE_MAX + 1});
	assert_int_equal(audience.kind, AUDIENCE_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind),
		cmocka_unit_test(what_is_none),
		cmocka_unit_test(the_longest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
