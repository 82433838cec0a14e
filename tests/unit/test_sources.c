#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/config/config_options.h"
#include "../../server/config/sources.h"

static struct config config;
static struct sources sources;

static int setup(void **state)
{
	config_init(&config);
	config.read_deadline = 120;
	sources_init(&sources);
	config.file = "/etc/gate.conf";
	return 0;
}

static size_t option(const char *name)
{
	return (size_t)config_option_find(name);
}

static void check(const char *name, size_t nth, const char *source, const char *cited)
{
	char text[SOURCES_TEXT_MAX];

	sources_name(&sources, &config, option(name), nth, text);
	assert_string_equal(text, source);
	sources_cite(&sources, &config, option(name), nth, text);
	assert_string_equal(text, cited);
}

static void test_where_a_value_came_from(void **state)
{
	sources.options[option("read_deadline")].from = SOURCE_DEFAULT;
	check("read_deadline", 0, "default", "read_deadline = 120 (default)");
	sources.options[option("read_deadline")].from = SOURCE_BUILD;
	check("read_deadline", 0, "build", "read_deadline = 120 (build)");
	sources_add_line(&sources, option("read_deadline"), 0, 12);
	check("read_deadline", 0, "/etc/gate.conf:12", "/etc/gate.conf:12: read_deadline = 120");
	sources.options[option("read_deadline")].from = SOURCE_COMMAND_LINE;
	check("read_deadline", 0, "command line", "--read-deadline=120");
}

static void test_each_listener_has_its_line(void **state)
{
	strcpy(config.listen[1], "unix:/a=b_c");
	config.listen_count = 2;
	sources_add_line(&sources, option("listen"), 0, 4);
	sources_add_line(&sources, option("listen"), 1, 9);
	check("listen", 0, "/etc/gate.conf:4", "/etc/gate.conf:4: listen = :8000");
	check("listen", 1, "/etc/gate.conf:9", "/etc/gate.conf:9: listen = unix:/a=b_c");
	assert_int_equal(sources.options[option("listen")].overruled_line, 0);
	sources.options[option("listen")].from = SOURCE_COMMAND_LINE;
	check("listen", 1, "command line", "--listen=unix:/a=b_c");
}

static void test_a_line_that_counts_no_more_is_kept(void **state)
{
	sources_add_line(&sources, option("drain"), 0, 3);
	assert_int_equal(sources.options[option("drain")].overruled_line, 0);
	sources_add_line(&sources, option("drain"), 0, 5);
	assert_int_equal(sources.options[option("drain")].overruled_line, 3);
	assert_int_equal(sources.options[option("drain")].line, 5);
}

static void test_long_paths_do_not_hide_the_line(void **state)
{
	char path[1000];
	char text[SOURCES_TEXT_MAX];

	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	config.file = path;
	sources_add_line(&sources, option("drain"), 0, 4711);
	sources_cite(&sources, &config, option("drain"), 0, text);
	assert_non_null(strstr(text, ":4711: drain = "));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, setup)
	const struct CMUnitTest tests[] = {
		TEST(test_where_a_value_came_from),
		TEST(test_each_listener_has_its_line),
		TEST(test_a_line_that_counts_no_more_is_kept),
		TEST(test_long_paths_do_not_hide_the_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
