/* What a login is given, and the time that never comes. */
#ifndef TIDEGATE_CLIENT_CORE_OPTIONS_H
#define TIDEGATE_CLIENT_CORE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CORE_NEVER UINT64_MAX

/* As the setters of the same names in tidegate-client.h have them. */
struct core_options {
	uint32_t heartbeat_ms;
	uint32_t read_deadline_ms; /* 0: never */
	uint32_t connect_timeout_ms;
	uint32_t close_timeout_ms;
	uint32_t probe_timeout_ms;
	int reconnect_attempts;
	uint32_t reconnect_min_ms;
	uint32_t reconnect_max_ms;
	uint32_t min_uptime_ms;
	bool retry_login;
	size_t send_queue_limit;
};

#endif
