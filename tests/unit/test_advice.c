#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/advice.h"
#include "fake_machine.h"

static char lines[16][ADVICE_LINE_MAX];
static size_t line_count;

static void note(const char *line)
{
	assert_true(line_count < sizeof(lines) / sizeof(lines[0]));
	assert_true(strlen(line) < ADVICE_LINE_MAX - 1); /* not cut off */
	assert_null(strchr(line, '\n'));
	snprintf(lines[line_count++], ADVICE_LINE_MAX, "%s", line);
}

/* A machine on which all is well for the goal, to the last unit. */
static int setup(void **state)
{
	fake_begin();
	fake_file("/proc/sys/fs/nr_open", "100300\n");
	fake_file("/proc/sys/fs/file-max", "101300\n");
	fake_file("/proc/sys/fs/file-nr", "1000\t0\t101300\n");
	fake_file("/proc/sys/net/core/somaxconn", "8000\n");
	fake_file("/proc/sys/net/ipv4/tcp_max_syn_backlog", "8000\n");
	fake_file("/proc/sys/net/ipv4/tcp_mem", "75000\t100000\t150000\n");
	fake_file("/proc/sys/net/netfilter/nf_conntrack_max", "100000\n");
	fake_file("/proc/meminfo", "MemTotal:        4000000 kB\nMemFree:  1 kB\n");
	fake_file("/proc/self/cgroup", "0::/system.slice/tidegate.service\n");
	fake_file("/sys/fs/cgroup/system.slice/memory.max", "max\n");
	fake_file("/sys/fs/cgroup/system.slice/tidegate.service/memory.max", "1640000000\n");
	fake_file("/sys/fs/cgroup/system.slice/tidegate.service/memory.current", "1\n");
	fake_file("/sys/fs/cgroup/system.slice/tidegate.service/pids.max", "15\n");
	fake_file("/sys/fs/cgroup/system.slice/tidegate.service/pids.current", "3\n");
	line_count = 0;
	return 0;
}

static int teardown(void **state)
{
	fake_end();
	return 0;
}

static struct advice_goal goal(void)
{
	return (struct advice_goal){
		.root = fake_root,
		.connections = 100000,
		.files = 100300,
		.files_limit = 100300,
		.queue_bytes = 1000000000,
		.threads = 12,
		.is_inet = true,
	};
}

static void give(struct advice_goal wanted)
{
	line_count = 0;
	size_t told = advice_give(&wanted, note);
	assert_int_equal(told, line_count);
}

static void expect_line(const char *line)
{
	for (size_t i = 0; i < line_count; i++) {
		if (strcmp(lines[i], line) == 0) {
			return;
		}
	}
	for (size_t i = 0; i < line_count; i++) {
		print_message("# said: %s\n", lines[i]);
	}
	fail_msg("not said: %s", line);
}

static void expect_only(const char *line)
{
	expect_line(line);
	assert_int_equal(line_count, 1);
}

static void test_nothing_when_all_is_well(void **state)
{
	give(goal());
	assert_int_equal(line_count, 0);
}

/* Each limit that is a sysctl, one below what is wanted. */
static void test_sysctls(void **state)
{
	static const struct {
		const char *path;
		const char *text;
		const char *line;
	} rows[] = {
		{"/proc/sys/fs/nr_open", "100299\n",
			"fs.nr_open is 100299, 100300 wanted: sysctl -w fs.nr_open=100300"},
		{"/proc/sys/fs/file-max", "101299\n",
			"fs.file-max is 101299, 101300 wanted: sysctl -w fs.file-max=101300"},
		{"/proc/sys/net/core/somaxconn", "7999\n",
			"net.core.somaxconn is 7999, 8000 wanted: "
			"sysctl -w net.core.somaxconn=8000"},
		{"/proc/sys/net/ipv4/tcp_max_syn_backlog", "7999\n",
			"net.ipv4.tcp_max_syn_backlog is 7999, 8000 wanted: "
			"sysctl -w net.ipv4.tcp_max_syn_backlog=8000"},
		{"/proc/sys/net/ipv4/tcp_mem", "75000\t99999\t150000\n",
			"net.ipv4.tcp_mem begins to press at 99999 pages, 100000 wanted: "
			"sysctl -w net.ipv4.tcp_mem='75000 100000 150000'"},
		{"/proc/sys/net/netfilter/nf_conntrack_max", "99999\n",
			"net.netfilter.nf_conntrack_max is 99999, 100000 wanted: "
			"sysctl -w net.netfilter.nf_conntrack_max=100000"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char line[ADVICE_LINE_MAX];
		snprintf(line, sizeof(line), "for 100000 connections: %s", rows[i].line);
		teardown(state);
		setup(state);
		fake_file(rows[i].path, rows[i].text);
		give(goal());
		expect_only(line);
		/* What the machine does not tell is not judged. */
		fake_no_file(rows[i].path);
		give(goal());
		assert_int_equal(line_count, 0);
		fake_file(rows[i].path, "nonsense\n");
		give(goal());
		assert_int_equal(line_count, 0);
	}
}

static void test_the_backlog_has_an_end(void **state)
{
	struct advice_goal wanted = goal();
	wanted.connections = 10000000;
	fake_file("/proc/sys/net/core/somaxconn", "65535\n");
	fake_file("/proc/sys/net/ipv4/tcp_max_syn_backlog", "65534\n");
	give(wanted);
	expect_line(
		"for 10000000 connections: net.ipv4.tcp_max_syn_backlog is 65534, 65535 wanted: "
		"sysctl -w net.ipv4.tcp_max_syn_backlog=65535");
	for (size_t i = 0; i < line_count; i++) {
		assert_null(strstr(lines[i], "somaxconn"));
	}
}

static void test_unix_sockets_need_no_tcp(void **state)
{
	struct advice_goal wanted = goal();
	wanted.is_inet = false;
	fake_file("/proc/sys/net/core/somaxconn", "1\n");
	fake_file("/proc/sys/net/ipv4/tcp_max_syn_backlog", "1\n");
	fake_file("/proc/sys/net/ipv4/tcp_mem", "1 1 1\n");
	fake_file("/proc/sys/net/netfilter/nf_conntrack_max", "1\n");
	give(wanted);
	expect_only("for 100000 connections: net.core.somaxconn is 1, 8000 wanted: "
		    "sysctl -w net.core.somaxconn=8000");
}

static void test_file_limit(void **state)
{
	struct advice_goal wanted = goal();
	wanted.files_limit--;
	give(wanted);
	expect_only("for 100000 connections: the limit of open files is 100299, 100300 wanted: "
		    "mkdir -p /etc/systemd/system/tidegate.service.d && printf "
		    "'[Service]\\nLimitNOFILE=100300\\n' "
		    ">/etc/systemd/system/tidegate.service.d/files.conf && "
		    "systemctl daemon-reload && systemctl restart tidegate.service");
	fake_file("/proc/self/cgroup", "1:cpu:/x.service\n0::/user.slice/session-1.scope\n");
	give(wanted);
	expect_only("for 100000 connections: the limit of open files is 100299, 100300 wanted: "
		    "ulimit -n 100300 in the shell that starts it, as root");
}

static void test_memory_of_the_machine(void **state)
{
	struct advice_goal wanted = goal();
	fake_file("/sys/fs/cgroup/system.slice/tidegate.service/memory.max", "max\n");
	fake_file("/proc/meminfo", "MemTotal:        1601562 kB\n");
	give(wanted);
	expect_only("for 100000 connections: the machine has 1564 MB of memory, 1564 wanted with "
		    "memory_limit: set --max-connections=99999");
	assert_int_equal(advice_memory_room(fake_root, wanted.queue_bytes), 99999);
	fake_file("/proc/meminfo", "MemTotal:        1601563 kB\n");
	give(wanted);
	assert_int_equal(line_count, 0);
	/* Queues that take all of it. */
	wanted.queue_bytes = 1ull << 40;
	give(wanted);
	assert_int_equal(line_count, 1);
	assert_non_null(strstr(lines[0], "--max-connections=0"));
	fake_no_file("/proc/meminfo");
	give(wanted);
	assert_int_equal(line_count, 0);
	assert_true(advice_memory_room(fake_root, 0) == UINT64_MAX);
}

static void test_memory_of_the_control_group(void **state)
{
	static const char *const path = "/sys/fs/cgroup/system.slice/tidegate.service/memory.max";
	fake_file(path, "1639999999\n");
	give(goal());
	expect_only("for 100000 connections: memory.max of tidegate.service is 1639999999, "
		    "1640000000 wanted: "
		    "systemctl set-property tidegate.service MemoryMax=1640000000");
	assert_int_equal(advice_memory_room(fake_root, 1000000000), 99999);
	/* The tightest counts, wherever it stands. */
	fake_file("/sys/fs/cgroup/system.slice/memory.max", "5000000\n");
	give(goal());
	expect_only("for 100000 connections: memory.max of system.slice is 5000000, 1640000000 "
		    "wanted: systemctl set-property system.slice MemoryMax=1640000000");
	fake_file("/sys/fs/cgroup/memory.max", "4000000\n");
	give(goal());
	expect_only("for 100000 connections: memory.max of this container is 4000000, 1640000000 "
		    "wanted: docker update --memory=1640000000 CONTAINER");
	fake_file("/proc/self/cgroup", "0::/by/hand\n");
	fake_file("/sys/fs/cgroup/by/hand/memory.max", "3000000\n");
	give(goal());
	expect_only("for 100000 connections: memory.max of /by/hand is 3000000, 1640000000 wanted: "
		    "echo 1640000000 >/sys/fs/cgroup/by/hand/memory.max");
}

static void test_threads(void **state)
{
	struct advice_goal wanted = goal();
	wanted.threads = 13;
	give(wanted);
	expect_only("for 100000 connections: pids.max of tidegate.service is 15, 16 wanted: "
		    "systemctl set-property tidegate.service TasksMax=16");
}

static void test_one_line_for_each(void **state)
{
	struct advice_goal wanted = goal();
	wanted.connections = 1000000;
	wanted.files = 1000300;
	wanted.threads = 100;
	give(wanted);
	/* Three of files, two of memory, one of threads, four of the network. */
	assert_int_equal(line_count, 10);
}

/* Puts a line `name = value`, commented out or not, to where the kernel would show it. */
static bool apply_sysctl(const char *line)
{
	char name[64];
	char value[64];
	char path[128];
	if (sscanf(line, "%*[#]%63[a-z0-9._-] = %63[0-9 ]", name, value) != 2 &&
		sscanf(line, "%63[a-z0-9._-] = %63[0-9 ]", name, value) != 2) {
		return false;
	}
	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	for (char *at = path; (at = strchr(at, '.'));) {
		*at = '/';
	}
	fake_file(path, value);
	return true;
}

/* The sample that is shipped is enough for what it says: a million. */
static void test_the_sample_for_a_million(void **state)
{
	struct advice_goal wanted = goal();
	char line[256];
	unsigned applied = 0;
	const char *tree = getenv("TIDEGATE_ROOT");
	if (!tree) {
		skip(); /* not run by meson */
	}
	snprintf(line, sizeof(line), "%s/tools/deploy/sysctl.conf", tree);
	FILE *file = fopen(line, "r");
	assert_non_null(file);
	wanted.connections = 1000000;
	wanted.files = wanted.files_limit = 1001000;
	fake_file("/proc/meminfo", "MemTotal: 16000000 kB\n");
	fake_file("/sys/fs/cgroup/system.slice/tidegate.service/memory.max", "max\n");
	give(wanted);
	assert_int_equal(line_count, 6);
	while (fgets(line, sizeof(line), file)) {
		applied += apply_sysctl(line);
	}
	fclose(file);
	assert_int_equal(applied, 6);
	give(wanted);
	assert_int_equal(line_count, 0);
}

/* The machine at hand: whatever it says, nothing is cut off. */
static void test_this_machine(void **state)
{
	struct advice_goal wanted = goal();
	wanted.root = "";
	wanted.connections = wanted.files = 1000000000;
	give(wanted);
	assert_true(line_count > 0);
	wanted = (struct advice_goal){.root = "", .connections = 1, .files_limit = 1};
	give(wanted);
	assert_int_equal(line_count, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_nothing_when_all_is_well),
		CASE(test_sysctls),
		CASE(test_the_backlog_has_an_end),
		CASE(test_unix_sockets_need_no_tcp),
		CASE(test_file_limit),
		CASE(test_memory_of_the_machine),
		CASE(test_memory_of_the_control_group),
		CASE(test_threads),
		CASE(test_one_line_for_each),
		CASE(test_the_sample_for_a_million),
		CASE(test_this_machine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
