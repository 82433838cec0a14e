#include "limits.h"

#include <stdio.h>

#include "advice.h"
#include "base/handle.h"
#include "base/least.h"
#include "base/log.h"
#include "base/machine.h"

enum {
	FILES_SPARE = 8,     /* descriptors for the config file, the log, getaddrinfo */
	REFUSALS_SHARE = 16, /* a part of the connections' descriptors is for those refused */
	REFUSALS_MOST = 256,
	ADMIN_SHARE = 16,      /* a part of the descriptors is for the admin port */
	ADMIN_CLIENTS_MIN = 4, /* connections to it */
	ADMIN_CLIENTS_MOST = 256,
	BACKLOG_MOST = 4 << 20,
	BACKLOG_SHARE = 8, /* a part of the memory limit is for batches on their way */
	ROOMS_SHARE = 4,   /* a part of it is for rooms and who is in them */
};

uint32_t limits_workers(const struct config *config, uint32_t cpus, uint32_t quota)
{
	/* More would use up the quota side by side, and then stand still together. */
	uint64_t wanted = config->workers > 0 ? config->workers : least(cpus, quota);
	return (uint32_t)least(wanted, HANDLE_WORKERS_MAX - 1);
}

uint32_t limits_admin_clients(uint64_t files)
{
	uint64_t share = files / ADMIN_SHARE;
	return share < ADMIN_CLIENTS_MIN ? ADMIN_CLIENTS_MIN
					 : (uint32_t)least(share, ADMIN_CLIENTS_MOST);
}

uint64_t limits_files_taken(uint32_t admin_clients)
{
	return machine_used_files() + FILES_SPARE + admin_clients;
}

struct limits limits_share(
	const struct config *config, const struct limits_supply *supply, uint32_t workers)
{
	uint64_t room =
		supply->files > supply->files_taken ? supply->files - supply->files_taken : 0;
	uint64_t refusals = least(room / REFUSALS_SHARE, REFUSALS_MOST);
	uint64_t connections = least(room - refusals, (uint64_t)workers * HANDLE_INDEX_MAX);
	if (config->max_connections > 0) {
		connections = least(connections, config->max_connections);
	}
	struct limits limits = {
		.connections = (uint32_t)connections,
		.refusals = (uint32_t)refusals,
		.memory = config->memory_limit > 0 ? config->memory_limit : supply->memory,
	};
	/* What is on its way to all workers is a part of the memory, so that nobody has to be
	 * closed for it. */
	limits.backlog = least(config->tx_queue_limit / 2, BACKLOG_MOST);
	limits.backlog = least(limits.backlog, limits.memory / BACKLOG_SHARE);
	/* Nobody is closed for his rooms: so they leave most of it to queues. */
	limits.rooms = limits.memory / ROOMS_SHARE;
	return limits;
}

void limits_explain_files(const struct limits_supply *supply, char ret_text[LIMITS_TEXT_MAX])
{
	snprintf(ret_text, LIMITS_TEXT_MAX,
		"the file limit of %llu leaves no place for a connection: "
		"raise it to %llu at least (ulimit -n, or LimitNOFILE= of the unit)",
		(unsigned long long)supply->files, (unsigned long long)supply->files_taken + 1);
}

size_t limits_advise(const struct config *config, const struct limits_supply *supply,
	const struct limits *limits, uint32_t threads, bool is_inet, void (*say)(const char *line))
{
	uint64_t wanted = config->max_connections;
	if (wanted == 0) {
		uint64_t room = advice_memory_room("", limits->memory);
		if (room < limits->connections) {
			log_info(0,
				"memory has room for about %llu connections only: set max_connections",
				(unsigned long long)room);
		}
		return 0;
	}
	struct advice_goal goal = {
		.root = "",
		.connections = wanted,
		.files = wanted + least(wanted / (REFUSALS_SHARE - 1) + 1, REFUSALS_MOST) +
			 supply->files_taken,
		.files_limit = supply->files,
		.queue_bytes = limits->memory,
		.threads = threads,
		.is_inet = is_inet,
	};
	return advice_give(&goal, say);
}
