#include "manifest.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>

#include "build_config.h"

enum {
	LINE = 512,
};

static json_t *line_of(FILE *from)
{
	char line[LINE];
	if (!from || !fgets(line, sizeof(line), from)) {
		return json_null();
	}
	line[strcspn(line, "\n")] = '\0';
	return json_string(line);
}

static json_t *line_of_file(const char *path)
{
	FILE *file = fopen(path, "re");
	json_t *line = line_of(file);
	if (file) {
		fclose(file);
	}
	return line;
}

/* The commit of the directory the bench was called in, with a mark where files differ from it. */
static json_t *commit(void)
{
	FILE *git = popen("git describe --always --dirty --abbrev=12 2>/dev/null", "re");
	json_t *line = line_of(git);
	if (git) {
		pclose(git);
	}
	return line;
}

static json_t *cpu_model(void)
{
	char line[LINE];
	json_t *model = NULL;
	FILE *file = fopen("/proc/cpuinfo", "re");
	while (file && !model && fgets(line, sizeof(line), file)) {
		const char *colon = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
		if (colon) {
			line[strcspn(line, "\n")] = '\0';
			model = json_string(colon + 2);
		}
	}
	if (file) {
		fclose(file);
	}
	return model ? model : json_null();
}

static json_t *sysctls(void)
{
	static const char *const names[] = {"net/core/somaxconn", "net/ipv4/tcp_max_syn_backlog",
		"net/ipv4/ip_local_port_range", "net/ipv4/tcp_rmem", "net/ipv4/tcp_wmem",
		"net/ipv4/tcp_congestion_control", "fs/nr_open", "fs/file-max"};
	json_t *json = json_object();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[LINE];
		snprintf(path, sizeof(path), "/proc/sys/%s", names[i]);
		json_object_set_new(json, names[i], line_of_file(path));
	}
	return json;
}

static json_t *affinity(void)
{
	json_t *cpus = json_array();
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) == 0) {
		for (int i = 0; i < CPU_SETSIZE; i++) {
			if (CPU_ISSET(i, &set)) {
				json_array_append_new(cpus, json_integer(i));
			}
		}
	}
	return cpus;
}

static json_t *server_command(const struct options *options)
{
	char path[64];
	char line[LINE];
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)options->server_pids[0]);
	FILE *file = options->server_count > 0 ? fopen(path, "re") : NULL;
	size_t len = file ? fread(line, 1, sizeof(line) - 1, file) : 0;
	if (file) {
		fclose(file);
	}
	for (size_t i = 0; i + 1 < len; i++) {
		line[i] = line[i] ? line[i] : ' ';
	}
	line[len] = '\0';
	return len ? json_string(line) : json_null();
}

json_t *manifest_json(const struct options *options)
{
	struct utsname system = {0};
	struct sysinfo memory = {0};
	struct rlimit files = {0};
	char when[64];
	const time_t now = time(NULL);
	struct tm utc;
	uname(&system);
	sysinfo(&memory);
	getrlimit(RLIMIT_NOFILE, &files);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));

	json_t *json = json_object();
	json_object_set_new(json, "when", json_string(when));
	json_object_set_new(json, "kernel", json_string(system.release));
	json_object_set_new(json, "system", json_string(system.sysname));
	json_object_set_new(json, "cpu", cpu_model());
	json_object_set_new(json, "cpus", json_integer(get_nprocs()));
	json_object_set_new(json, "affinity", affinity());
	json_object_set_new(
		json, "memory_bytes", json_integer((json_int_t)memory.totalram * memory.mem_unit));
	json_object_set_new(json, "files_max", json_integer((json_int_t)files.rlim_max));
	json_object_set_new(json, "sysctl", sysctls());
	json_object_set_new(json, "commit", commit());
	json_object_set_new(json, "compiler", json_string(__VERSION__));
	json_object_set_new(json, "jansson", json_string(jansson_version_str()));
	json_object_set_new(json, "version", json_string(TIDEGATE_VERSION));
	json_object_set_new(json, "server_command", server_command(options));
	return json;
}
