#include "advice.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/machine.h"
#include "node/listener.h"

enum {
	/* Of an established TCP connection that is idle: socket, file, inode, dentry and epoll item
	 * in the kernel take 4 to 8 KB, the gateway's own share is a quarter of a KB. */
	CONNECTION_BYTES = 6400,
	/* After an outage clients come back within 2 to 10 s, at random: so many in 1,000 of them
	 * within 100 ms, which is how long a busy acceptor may take to come round. */
	STORM_PER_MILLE = 80,
};

static const char SERVICE_SUFFIX[] = ".service";

/* One look at the machine.
 * Owner: the call of advice_give. */
struct advice {
	const struct advice_goal *goal;
	void (*say)(const char *line);
	size_t count;
};

static void shortfall(struct advice *advice, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void shortfall(struct advice *advice, const char *format, ...)
{
	char line[ADVICE_LINE_MAX];
	va_list args;
	int len = snprintf(
		line, sizeof(line), "for %" PRIu64 " connections: ", advice->goal->connections);
	va_start(args, format);
	vsnprintf(line + len, sizeof(line) - (size_t)len, format, args);
	va_end(args);
	advice->say(line);
	advice->count++;
}

static bool ends_in(const char *text, const char *suffix)
{
	size_t len = strlen(text);
	size_t suffix_len = strlen(suffix);
	return len > suffix_len && strcmp(text + len - suffix_len, suffix) == 0;
}

/* --- sysctl ------------------------------------------------------------------------------------
 */

/* `path` lies below /proc/sys; sysctl writes it with dots. */
static void check_sysctl(struct advice *advice, const char *path, uint64_t wanted)
{
	char file[MACHINE_PATH_MAX];
	char name[MACHINE_PATH_MAX];
	uint64_t value;
	snprintf(file, sizeof(file), "/proc/sys/%s", path);
	if (machine_number(advice->goal->root, file, 0, &value) < 0 || value >= wanted) {
		return;
	}
	snprintf(name, sizeof(name), "%s", path);
	for (char *at = name; (at = strchr(at, '/'));) {
		*at = '.';
	}
	shortfall(advice, "%s is %" PRIu64 ", %" PRIu64 " wanted: sysctl -w %s=%" PRIu64, name,
		value, wanted, name, wanted);
}

static uint64_t storm(uint64_t connections)
{
	uint64_t wanted = connections / 1000 * STORM_PER_MILLE;
	return wanted < LISTENER_BACKLOG ? wanted : LISTENER_BACKLOG;
}

/* A broadcast has at least one page under way to everybody: above the second number the kernel
 * takes memory away from sockets. */
static void check_tcp_memory(struct advice *advice)
{
	uint64_t pressure;
	uint64_t wanted = advice->goal->connections;
	if (machine_number(advice->goal->root, "/proc/sys/net/ipv4/tcp_mem", 1, &pressure) < 0 ||
		pressure >= wanted) {
		return;
	}
	shortfall(advice,
		"net.ipv4.tcp_mem begins to press at %" PRIu64 " pages, %" PRIu64
		" wanted: sysctl -w net.ipv4.tcp_mem='%" PRIu64 " %" PRIu64 " %" PRIu64 "'",
		pressure, wanted, wanted / 4 * 3, wanted, wanted / 2 * 3);
}

static void check_network(struct advice *advice)
{
	uint64_t connections = advice->goal->connections;
	check_sysctl(advice, "net/core/somaxconn", storm(connections));
	if (!advice->goal->is_inet) {
		return;
	}
	check_sysctl(advice, "net/ipv4/tcp_max_syn_backlog", storm(connections));
	check_tcp_memory(advice);
	/* Only there when the module is loaded. */
	check_sysctl(advice, "net/netfilter/nf_conntrack_max", connections);
}

/* --- files -------------------------------------------------------------------------------------
 */

/* The unit that systemd runs this process as, an empty text for none. */
static void find_unit(const char *root, char ret_unit[MACHINE_PATH_MAX])
{
	char group[MACHINE_PATH_MAX];
	machine_group(root, group);
	snprintf(ret_unit, MACHINE_PATH_MAX, "%s",
		ends_in(group, SERVICE_SUFFIX) ? strrchr(group, '/') + 1 : "");
}

static void check_file_limit(struct advice *advice)
{
	const struct advice_goal *goal = advice->goal;
	char unit[MACHINE_PATH_MAX];
	if (goal->files_limit >= goal->files) {
		return;
	}
	find_unit(goal->root, unit);
	if (unit[0] == '\0') {
		shortfall(advice,
			"the limit of open files is %" PRIu64 ", %" PRIu64
			" wanted: ulimit -n %" PRIu64 " in the shell that starts it, as root",
			goal->files_limit, goal->files, goal->files);
		return;
	}
	shortfall(advice,
		"the limit of open files is %" PRIu64 ", %" PRIu64
		" wanted: mkdir -p /etc/systemd/system/%s.d && printf "
		"'[Service]\\nLimitNOFILE=%" PRIu64 "\\n' >/etc/systemd/system/%s.d/files.conf && "
		"systemctl daemon-reload && systemctl restart %s",
		goal->files_limit, goal->files, unit, goal->files, unit, unit);
}

static void check_files(struct advice *advice)
{
	const struct advice_goal *goal = advice->goal;
	uint64_t others = 0; /* open on this machine now, mostly by others */
	check_sysctl(advice, "fs/nr_open", goal->files);
	check_file_limit(advice);
	machine_number(goal->root, "/proc/sys/fs/file-nr", 0, &others);
	check_sysctl(advice, "fs/file-max", goal->files + others);
}

/* --- memory and threads ------------------------------------------------------------------------
 */

static uint64_t room_in(uint64_t memory, uint64_t queue_bytes)
{
	return memory > queue_bytes ? (memory - queue_bytes) / CONNECTION_BYTES : 0;
}

uint64_t advice_memory_room(const char *root, uint64_t queue_bytes)
{
	uint64_t machine = machine_memory(root);
	struct machine_group_limit group;
	machine_group_limit(root, "memory", &group);
	uint64_t memory = machine > 0 && machine < group.limit ? machine : group.limit;
	return memory == UINT64_MAX ? UINT64_MAX : room_in(memory, queue_bytes);
}

/* How to raise a limit of a control group: systemd's are units, the topmost is a container's. */
static void say_group(struct advice *advice, const struct machine_group_limit *group,
	const char *file, uint64_t wanted, const char *property, const char *docker)
{
	const char *name = strrchr(group->group, '/') + 1;
	if (ends_in(name, SERVICE_SUFFIX) || ends_in(name, ".slice") || ends_in(name, ".scope")) {
		shortfall(advice,
			"%s of %s is %" PRIu64 ", %" PRIu64
			" wanted: systemctl set-property %s %s=%" PRIu64,
			file, name, group->limit, wanted, name, property, wanted);
	} else if (name[0] == '\0') {
		shortfall(advice,
			"%s of this container is %" PRIu64 ", %" PRIu64
			" wanted: docker update %s=%" PRIu64 " CONTAINER",
			file, group->limit, wanted, docker, wanted);
	} else {
		shortfall(advice,
			"%s of %s is %" PRIu64 ", %" PRIu64 " wanted: echo %" PRIu64
			" >/sys/fs/cgroup%s/%s",
			file, group->group, group->limit, wanted, wanted, group->group, file);
	}
}

static void check_memory(struct advice *advice)
{
	const struct advice_goal *goal = advice->goal;
	uint64_t wanted = goal->connections * CONNECTION_BYTES + goal->queue_bytes;
	uint64_t machine = machine_memory(goal->root);
	struct machine_group_limit group;
	machine_group_limit(goal->root, "memory", &group);
	if (group.limit < wanted) {
		say_group(advice, &group, "memory.max", wanted, "MemoryMax", "--memory");
	}
	if (machine > 0 && machine < wanted) {
		shortfall(advice,
			"the machine has %" PRIu64 " MB of memory, %" PRIu64
			" wanted with memory_limit: set --max-connections=%" PRIu64,
			machine >> 20, wanted >> 20, room_in(machine, goal->queue_bytes));
	}
}

static void check_threads(struct advice *advice)
{
	struct machine_group_limit group;
	machine_group_limit(advice->goal->root, "pids", &group);
	uint64_t wanted = group.current + advice->goal->threads;
	if (group.limit < wanted) {
		say_group(advice, &group, "pids.max", wanted, "TasksMax", "--pids-limit");
	}
}

size_t advice_give(const struct advice_goal *goal, void (*say)(const char *line))
{
	struct advice advice = {.goal = goal, .say = say};
	check_files(&advice);
	check_memory(&advice);
	check_threads(&advice);
	check_network(&advice);
	return advice.count;
}
